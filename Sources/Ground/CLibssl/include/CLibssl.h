// The parts of OpenSSL libssl that Culvert uses: TLS over memory, one thin call each. Callers check every length first;
// pointers to empty ranges may be null. Unless a line says otherwise, functions return 1 for success and 0 for failure.
//
// What every context has: TLS 1.2 or 1.3, ephemeral key exchange with AEAD ciphers, no tickets, no session cache, no
// renegotiation, no compression, no early data, no key log.
#ifndef CULVERT_CLIBSSL_H
#define CULVERT_CLIBSSL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

// Settings for many sessions. Not changed after its first session; sessions may then be made on any thread.
typedef struct ssl_ctx_st CulvertTLSContext;
// One session; belongs to one thread at a time.
typedef struct ssl_st CulvertTLS;

#define CULVERT_TLS_1_2 0x0303
#define CULVERT_TLS_1_3 0x0304

// What a step of the handshake, a read or a write came to.
#define CULVERT_TLS_DONE 1
#define CULVERT_TLS_NEEDS_INPUT 0
#define CULVERT_TLS_FAILED (-1)
#define CULVERT_TLS_CLOSED (-2)

// Makes the settings of a server (1) or a client (0). With `verify_peer` the peer must show a certificate that leads to
// an anchor and is fit for its role; a client always verifies. `lowest` and `highest` are protocol versions.
CulvertTLSContext *_Nullable culvert_tls_context_new(int server, int verify_peer, int lowest, int highest);
void culvert_tls_context_free(CulvertTLSContext *_Nullable context);
// Our certificate (DER), then the others of its chain, then its key (PKCS#8 or traditional DER), in this order.
int culvert_tls_context_certificate(CulvertTLSContext *context, const uint8_t *der, size_t length);
int culvert_tls_context_chain(CulvertTLSContext *context, const uint8_t *der, size_t length);
int culvert_tls_context_key(CulvertTLSContext *context, const uint8_t *der, size_t length);
// An authority (DER) that peers' chains may end at. There are no others.
int culvert_tls_context_anchor(CulvertTLSContext *context, const uint8_t *der, size_t length);

// Makes a session whose certificates are judged at `now`, in seconds since 1970.
CulvertTLS *_Nullable culvert_tls_new(CulvertTLSContext *context, int server, int64_t now);
void culvert_tls_free(CulvertTLS *_Nullable session);
// A DNS name that the peer's certificate may carry; one of those given must match. `name` is NUL-terminated.
int culvert_tls_accept_name(CulvertTLS *session, const char *name);

// Hands in bytes that came from the peer.
int culvert_tls_feed(CulvertTLS *session, const uint8_t *data, size_t length);
// Takes out bytes that go to the peer: how many were written to `out`.
size_t culvert_tls_drain(CulvertTLS *session, uint8_t *out, size_t capacity);
// Goes on with the handshake: one of the outcomes above.
int culvert_tls_handshake(CulvertTLS *session);
// Decrypts: one of the outcomes above; with DONE, `*count` bytes were written to `out`.
int culvert_tls_read(CulvertTLS *session, uint8_t *out, size_t capacity, size_t *count);
// Encrypts all of `data`: DONE or FAILED.
int culvert_tls_write(CulvertTLS *session, const uint8_t *data, size_t length);
// Writes a close_notify.
int culvert_tls_close(CulvertTLS *session);

// The negotiated version.
int culvert_tls_version(CulvertTLS *session);
// Keying material of RFC 5705; without `use_context` there is no context, which TLS 1.2 tells from an empty one.
int culvert_tls_export(
    CulvertTLS *session, uint8_t *out, size_t out_length, const char *label, size_t label_length,
    const uint8_t *_Nullable context, size_t context_length, int use_context);
// The certificate of the peer's chain at `index`, leaf first: its length, 0 when there is none or it exceeds `capacity`.
size_t culvert_tls_peer_certificate(CulvertTLS *session, size_t index, uint8_t *out, size_t capacity);
// Why the last step failed, as text; NUL-terminated and cut to `capacity`.
void culvert_tls_reason(CulvertTLS *session, char *out, size_t capacity);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
