// The parts of OpenSSL libcrypto that Culvert uses, one thin call each. Callers check every length first; pointers to
// empty ranges may be null. Functions return 1 for success and 0 for failure, nothing in between.
#ifndef CULVERT_CLIBCRYPTO_H
#define CULVERT_CLIBCRYPTO_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

// AEAD ciphers, all with a 12-byte nonce and a 16-byte tag.
#define CULVERT_AES_128_GCM 1
#define CULVERT_AES_192_GCM 2
#define CULVERT_AES_256_GCM 3
#define CULVERT_CHACHA20_POLY1305 4

// Digests for HMAC.
#define CULVERT_SHA256 1
#define CULVERT_SHA384 2
#define CULVERT_SHA512 3

// A context belongs to one thread at a time, one key and one direction.
typedef struct evp_cipher_ctx_st CulvertCipher;
typedef struct evp_mac_ctx_st CulvertHMAC;

// Makes a context that seals (sealing = 1) or opens (0). The key must have the length of the cipher (16, 24, 32, 32).
// Null when the cipher is unknown or libcrypto refuses.
CulvertCipher *_Nullable culvert_aead_new(int cipher, int sealing, const uint8_t *key, size_t key_length);
// Encrypts `data` in place and writes the 16-byte tag. Only the nonce is set again: the key schedule stays.
int culvert_aead_seal(
    CulvertCipher *context, const uint8_t *nonce, const uint8_t *_Nullable aad, size_t aad_length,
    uint8_t *_Nullable data, size_t length, uint8_t *tag);
// Decrypts `data` in place and checks the 16-byte tag. When it does not match, `data` is wiped and 0 returned.
int culvert_aead_open(
    CulvertCipher *context, const uint8_t *nonce, const uint8_t *_Nullable aad, size_t aad_length,
    uint8_t *_Nullable data, size_t length, const uint8_t *tag);

// AES-GCM of Intel ipsec-mb, where that is installed, passes a comparison with libcrypto and is faster: found out once a
// process, at the first call. A context belongs to one thread at a time and one key; it seals and opens.
typedef struct culvert_fast_gcm CulvertFastGCM;
// What AES-GCM runs on, and why not on ipsec-mb: a text for people that lives as long as the process.
const char *culvert_gcm_engine(void);

// Whether the processor has instructions for AES and carry-less multiplication.
int culvert_has_aes(void);
// Null when AES-GCM is libcrypto's; then ``culvert_aead_new`` makes a context. The key has 16, 24 or 32 bytes.
CulvertFastGCM *_Nullable culvert_fast_gcm_new(const uint8_t *key, size_t key_length);
// As the two functions for AEADs above.
int culvert_fast_gcm_seal(
    CulvertFastGCM *context, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    uint8_t *tag);
int culvert_fast_gcm_open(
    CulvertFastGCM *context, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    const uint8_t *tag);
// Frees a context and wipes its key.
void culvert_fast_gcm_free(CulvertFastGCM *_Nullable context);

// AES-CBC without padding; the key has 16, 24 or 32 bytes.
CulvertCipher *_Nullable culvert_cbc_new(int sealing, const uint8_t *key, size_t key_length);
// Encrypts or decrypts `data` in place; `iv` has 16 bytes, `length` is a multiple of 16.
int culvert_cbc_run(CulvertCipher *context, const uint8_t *iv, uint8_t *_Nullable data, size_t length);

// Frees an AEAD or CBC context and wipes its key.
void culvert_cipher_free(CulvertCipher *_Nullable context);

// HMAC with a key set once.
CulvertHMAC *_Nullable culvert_hmac_new(int digest, const uint8_t *_Nullable key, size_t key_length);
void culvert_hmac_free(CulvertHMAC *_Nullable context);
// HMAC over two ranges one after the other, cut to `mac_length` bytes (at most 64; at most the digest's length).
int culvert_hmac_two(
    CulvertHMAC *context, const uint8_t *_Nullable first, size_t first_length, const uint8_t *_Nullable second,
    size_t second_length, uint8_t *mac, size_t mac_length);
// The same in steps: begin, any number of updates, finish.
int culvert_hmac_begin(CulvertHMAC *context);
int culvert_hmac_update(CulvertHMAC *context, const uint8_t *_Nullable data, size_t length);
int culvert_hmac_finish(CulvertHMAC *context, uint8_t *mac, size_t mac_length);

// 1 when both ranges hold the same bytes, in time that depends on `length` alone.
int culvert_equal(const uint8_t *_Nullable left, const uint8_t *_Nullable right, size_t length);
// Writes zeros in a way that the compiler may not remove.
void culvert_wipe(void *_Nullable data, size_t length);

// MODP groups of RFC 3526 by IKE group number: 14 (2048 bits), 15 (3072), 16 (4096), 17 (6144), 18 (8192).
// The length in bytes of the group's prime; 0 for another group.
size_t culvert_modp_length(int group);
// Draws a private exponent of `length` bytes from libcrypto's private generator.
int culvert_modp_private(uint8_t *exponent, size_t length);
// 2^exponent mod p, padded to the length of the prime, which `out` must have.
int culvert_modp_public(int group, const uint8_t *exponent, size_t length, uint8_t *out, size_t out_length);
// peer^exponent mod p, padded likewise. `peer` has the length of the prime. 0 unless 1 < peer < p-1 (RFC 6989 §2.1).
int culvert_modp_shared(
    int group, const uint8_t *exponent, size_t length, const uint8_t *peer, size_t peer_length, uint8_t *out,
    size_t out_length);

// What MSCHAPv2 fixes (RFC 2759 §8); LegacyDigests alone may call these two.
// MD4 of `data`; `digest` has 16 bytes.
int culvert_md4(const uint8_t *_Nullable data, size_t length, uint8_t *digest);
// One block of DES, without chaining. `key` has 8 bytes whose lowest bits are ignored; `in` and `out` have 8 bytes.
int culvert_des_block(const uint8_t *key, const uint8_t *in, uint8_t *out);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
