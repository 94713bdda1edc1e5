#include "CLibcrypto.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>

size_t culvert_modp_length(int group) {
    switch (group) {
    case 14: return 256;
    case 15: return 384;
    case 16: return 512;
    case 17: return 768;
    case 18: return 1024;
    default: return 0;
    }
}

static BIGNUM *prime_of(int group) {
    switch (group) {
    case 14: return BN_get_rfc3526_prime_2048(NULL);
    case 15: return BN_get_rfc3526_prime_3072(NULL);
    case 16: return BN_get_rfc3526_prime_4096(NULL);
    case 17: return BN_get_rfc3526_prime_6144(NULL);
    case 18: return BN_get_rfc3526_prime_8192(NULL);
    default: return NULL;
    }
}

// 1 when 1 < value < prime - 1.
static int in_range(const BIGNUM *value, const BIGNUM *prime) {
    BIGNUM *top = BN_dup(prime);
    int good = top != NULL && BN_sub_word(top, 1) == 1 && BN_cmp(value, BN_value_one()) > 0 && BN_cmp(value, top) < 0;
    BN_free(top);
    return good;
}

// base^exponent mod p in constant time; `base` is consumed.
static int power(
    int group, BIGNUM *base, const uint8_t *exponent, size_t length, uint8_t *out, size_t out_length) {
    int good = 0;
    BIGNUM *prime = prime_of(group);
    BIGNUM *secret = BN_secure_new();
    BIGNUM *result = BN_secure_new();
    BN_CTX *scratch = BN_CTX_secure_new();
    if (prime != NULL && base != NULL && secret != NULL && result != NULL && scratch != NULL && length <= INT_MAX &&
        out_length == culvert_modp_length(group) && BN_bin2bn(exponent, (int)length, secret) != NULL &&
        in_range(base, prime)) {
        BN_set_flags(secret, BN_FLG_CONSTTIME);
        // The result is checked too: 0, 1 or p-1 would be a secret that anyone can guess.
        good = BN_mod_exp_mont_consttime(result, base, secret, prime, scratch, NULL) == 1 && in_range(result, prime) &&
               BN_bn2binpad(result, out, (int)out_length) == (int)out_length;
    }
    BN_CTX_free(scratch);
    BN_clear_free(result);
    BN_clear_free(secret);
    BN_free(prime);
    BN_clear_free(base);
    if (!good) ERR_clear_error();
    return good;
}

int culvert_modp_private(uint8_t *exponent, size_t length) {
    if (length == 0 || length > INT_MAX) return 0;
    return RAND_priv_bytes(exponent, (int)length) == 1;
}

int culvert_modp_public(int group, const uint8_t *exponent, size_t length, uint8_t *out, size_t out_length) {
    BIGNUM *base = BN_new();
    if (base != NULL && BN_set_word(base, 2) != 1) {
        BN_free(base);
        base = NULL;
    }
    return power(group, base, exponent, length, out, out_length);
}

int culvert_modp_shared(
    int group, const uint8_t *exponent, size_t length, const uint8_t *peer, size_t peer_length, uint8_t *out,
    size_t out_length) {
    if (peer_length != culvert_modp_length(group) || peer_length == 0) return 0;
    return power(group, BN_bin2bn(peer, (int)peer_length, NULL), exponent, length, out, out_length);
}
