#include "CLibssl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

// Chains of more are refused by the rules of paths as well.
#define CHAIN_DEPTH 8
// What a peer's certificate message may hold; a chain of eight RSA-4096 certificates needs less.
#define CERTIFICATE_LIMIT (32 * 1024)

static const uint8_t empty[1] = {0};

CulvertTLSContext *culvert_tls_context_new(int server, int verify_peer, int lowest, int highest) {
    ERR_clear_error();
    if (lowest < CULVERT_TLS_1_2 || highest < lowest || highest > CULVERT_TLS_1_3) return NULL;
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_options(
        context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    SSL_CTX_clear_options(context, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    // RFC 5746 §4.1: servers that never renegotiate may leave its extension out, strongSwan's up to 5.9 among them. Somebody
    // who makes a server take our handshake for a renegotiation of his own gains nothing: the MSK stays between the server
    // and us, and his IKE SA gets no AUTH from it.
    SSL_CTX_set_options(context, server ? 0 : SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(context, NULL);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_LIMIT);
    SSL_CTX_set_verify_depth(context, CHAIN_DEPTH);
    SSL_CTX_set_verify(
        context, !server || verify_peer ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);
    // A context without an anchor trusts nobody: the system's store is not read.
    if (SSL_CTX_set_min_proto_version(context, lowest) != 1 || SSL_CTX_set_max_proto_version(context, highest) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1 || SSL_CTX_set_max_early_data(context, 0) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set_ciphersuites(
            context, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384:P-521") != 1 ||
        SSL_CTX_set1_sigalgs_list(
            context,
            "ed25519:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
            "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512") != 1 ||
        SSL_CTX_set_purpose(context, server ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER) != 1) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return NULL;
    }
    return context;
}

void culvert_tls_context_free(CulvertTLSContext *context) { SSL_CTX_free(context); }

static X509 *certificate_of(const uint8_t *der, size_t length) {
    const uint8_t *cursor = der;
    if (length == 0 || length > CERTIFICATE_LIMIT) return NULL;
    X509 *certificate = d2i_X509(NULL, &cursor, (long)length);
    if (certificate != NULL && cursor != der + length) {
        X509_free(certificate);
        certificate = NULL;
    }
    if (certificate == NULL) ERR_clear_error();
    return certificate;
}

int culvert_tls_context_certificate(CulvertTLSContext *context, const uint8_t *der, size_t length) {
    X509 *certificate = certificate_of(der, length);
    int good = certificate != NULL && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    if (!good) ERR_clear_error();
    return good;
}

int culvert_tls_context_chain(CulvertTLSContext *context, const uint8_t *der, size_t length) {
    X509 *certificate = certificate_of(der, length);
    int good = certificate != NULL && SSL_CTX_add1_chain_cert(context, certificate) == 1;
    X509_free(certificate);
    if (!good) ERR_clear_error();
    return good;
}

int culvert_tls_context_key(CulvertTLSContext *context, const uint8_t *der, size_t length) {
    const uint8_t *cursor = der;
    if (length == 0 || length > CERTIFICATE_LIMIT) return 0;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &cursor, (long)length);
    int good = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    if (!good) ERR_clear_error();
    return good;
}

int culvert_tls_context_anchor(CulvertTLSContext *context, const uint8_t *der, size_t length) {
    X509 *certificate = certificate_of(der, length);
    int good = certificate != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 &&
               SSL_CTX_add_client_CA(context, certificate) == 1;
    X509_free(certificate);
    if (!good) ERR_clear_error();
    return good;
}

CulvertTLS *culvert_tls_new(CulvertTLSContext *context, int server, int64_t now) {
    SSL *session = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (session == NULL || in == NULL || out == NULL) {
        SSL_free(session);
        BIO_free(in);
        BIO_free(out);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(session, in, out);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(session), (time_t)now);
    X509_VERIFY_PARAM_set_hostflags(
        SSL_get0_param(session), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (server)
        SSL_set_accept_state(session);
    else
        SSL_set_connect_state(session);
    return session;
}

void culvert_tls_free(CulvertTLS *session) { SSL_free(session); }

int culvert_tls_accept_name(CulvertTLS *session, const char *name) {
    // An empty name would clear the list, and with it the check.
    if (name[0] == 0) return 0;
    int good = SSL_add1_host(session, name) == 1;
    if (!good) ERR_clear_error();
    return good;
}

int culvert_tls_feed(CulvertTLS *session, const uint8_t *data, size_t length) {
    if (length == 0) return 1;
    if (length > INT_MAX) return 0;
    return BIO_write(SSL_get_rbio(session), data, (int)length) == (int)length;
}

size_t culvert_tls_drain(CulvertTLS *session, uint8_t *out, size_t capacity) {
    if (capacity == 0 || capacity > INT_MAX) return 0;
    int count = BIO_read(SSL_get_wbio(session), out, (int)capacity);
    return count > 0 ? (size_t)count : 0;
}

// The queue of errors stays, for culvert_tls_reason; the next step clears it.
static int outcome(CulvertTLS *session, int result) {
    if (result > 0) return CULVERT_TLS_DONE;
    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ: return CULVERT_TLS_NEEDS_INPUT;
    case SSL_ERROR_ZERO_RETURN: return CULVERT_TLS_CLOSED;
    default: return CULVERT_TLS_FAILED;
    }
}

int culvert_tls_handshake(CulvertTLS *session) {
    ERR_clear_error();
    int result = outcome(session, SSL_do_handshake(session));
    return result == CULVERT_TLS_CLOSED ? CULVERT_TLS_FAILED : result;
}

int culvert_tls_read(CulvertTLS *session, uint8_t *out, size_t capacity, size_t *count) {
    ERR_clear_error();
    *count = 0;
    return outcome(session, SSL_read_ex(session, out, capacity, count));
}

int culvert_tls_write(CulvertTLS *session, const uint8_t *data, size_t length) {
    size_t written = 0;
    ERR_clear_error();
    if (length == 0) return CULVERT_TLS_DONE;
    return SSL_write_ex(session, data, length, &written) == 1 && written == length ? CULVERT_TLS_DONE
                                                                                   : CULVERT_TLS_FAILED;
}

int culvert_tls_close(CulvertTLS *session) {
    ERR_clear_error();
    int result = SSL_shutdown(session) >= 0;
    ERR_clear_error();
    return result;
}

int culvert_tls_version(CulvertTLS *session) { return SSL_version(session); }

int culvert_tls_export(
    CulvertTLS *session, uint8_t *out, size_t out_length, const char *label, size_t label_length,
    const uint8_t *context, size_t context_length, int use_context) {
    // Before the end of the handshake there is nothing to export from.
    int good = SSL_is_init_finished(session) &&
               SSL_export_keying_material(
                   session, out, out_length, label, label_length, context == NULL ? empty : context, context_length,
                   use_context) == 1;
    if (!good) ERR_clear_error();
    return good;
}

size_t culvert_tls_peer_certificate(CulvertTLS *session, size_t index, uint8_t *out, size_t capacity) {
    X509 *certificate = NULL;
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(session);
    // A server's chain does not hold the client's own certificate.
    if (SSL_is_server(session)) {
        if (index == 0)
            certificate = SSL_get0_peer_certificate(session);
        else
            index -= 1;
    }
    if (certificate == NULL && chain != NULL && index < (size_t)sk_X509_num(chain) &&
        !(SSL_is_server(session) && SSL_get0_peer_certificate(session) == NULL))
        certificate = sk_X509_value(chain, (int)index);
    if (certificate == NULL) return 0;
    int length = i2d_X509(certificate, NULL);
    if (length <= 0 || (size_t)length > capacity) return 0;
    uint8_t *cursor = out;
    return i2d_X509(certificate, &cursor) == length ? (size_t)length : 0;
}

void culvert_tls_reason(CulvertTLS *session, char *out, size_t capacity) {
    if (capacity == 0) return;
    long verdict = SSL_get_verify_result(session);
    unsigned long error = ERR_peek_last_error();
    const char *text = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                       : error != 0         ? ERR_reason_error_string(error)
                                            : NULL;
    strncpy(out, text == NULL ? "TLS failed" : text, capacity);
    out[capacity - 1] = 0;
    ERR_clear_error();
}
