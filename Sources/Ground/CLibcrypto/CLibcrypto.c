#include "CLibcrypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

static const uint8_t empty[1] = {0};

// Errors are answered by the return value; a queue that nobody reads would only grow.
static int failed(void) {
    ERR_clear_error();
    return 0;
}

static CulvertCipher *cipher_new(const EVP_CIPHER *cipher, int sealing, const uint8_t *key, size_t key_length) {
    if (cipher == NULL || (size_t)EVP_CIPHER_get_key_length(cipher) != key_length) return NULL;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) return NULL;
    if (EVP_CipherInit_ex(context, cipher, NULL, key, NULL, sealing ? 1 : 0) != 1) {
        EVP_CIPHER_CTX_free(context);
        failed();
        return NULL;
    }
    return context;
}

CulvertCipher *culvert_aead_new(int cipher, int sealing, const uint8_t *key, size_t key_length) {
    switch (cipher) {
    case CULVERT_AES_128_GCM: return cipher_new(EVP_aes_128_gcm(), sealing, key, key_length);
    case CULVERT_AES_192_GCM: return cipher_new(EVP_aes_192_gcm(), sealing, key, key_length);
    case CULVERT_AES_256_GCM: return cipher_new(EVP_aes_256_gcm(), sealing, key, key_length);
    case CULVERT_CHACHA20_POLY1305: return cipher_new(EVP_chacha20_poly1305(), sealing, key, key_length);
    default: return NULL;
    }
}

int culvert_aead_seal(
    CulvertCipher *context, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    uint8_t *tag) {
    int written = 0;
    uint8_t rest[EVP_MAX_BLOCK_LENGTH];
    if (aad_length > INT_MAX || length > INT_MAX) return 0;
    if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) != 1) return failed();
    if (aad_length > 0 && EVP_EncryptUpdate(context, NULL, &written, aad, (int)aad_length) != 1) return failed();
    if (length > 0 && (EVP_EncryptUpdate(context, data, &written, data, (int)length) != 1 || written != (int)length))
        return failed();
    if (EVP_EncryptFinal_ex(context, rest, &written) != 1 || written != 0) return failed();
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1) return failed();
    return 1;
}

int culvert_aead_open(
    CulvertCipher *context, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    const uint8_t *tag) {
    int written = 0;
    uint8_t rest[EVP_MAX_BLOCK_LENGTH];
    if (aad_length > INT_MAX || length > INT_MAX) return 0;
    if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag) == 1 &&
        (aad_length == 0 || EVP_DecryptUpdate(context, NULL, &written, aad, (int)aad_length) == 1) &&
        (length == 0 ||
         (EVP_DecryptUpdate(context, data, &written, data, (int)length) == 1 && written == (int)length)) &&
        EVP_DecryptFinal_ex(context, rest, &written) == 1 && written == 0)
        return 1;
    // Nothing that failed authentication may be read by anyone.
    if (length > 0) OPENSSL_cleanse(data, length);
    return failed();
}

CulvertCipher *culvert_cbc_new(int sealing, const uint8_t *key, size_t key_length) {
    const EVP_CIPHER *cipher = key_length == 16   ? EVP_aes_128_cbc()
                               : key_length == 24 ? EVP_aes_192_cbc()
                               : key_length == 32 ? EVP_aes_256_cbc()
                                                  : NULL;
    return cipher_new(cipher, sealing, key, key_length);
}

int culvert_cbc_run(CulvertCipher *context, const uint8_t *iv, uint8_t *data, size_t length) {
    int written = 0;
    if (length > INT_MAX || length % 16 != 0) return 0;
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, iv, -1) != 1) return failed();
    if (EVP_CIPHER_CTX_set_padding(context, 0) != 1) return failed();
    if (length > 0 && (EVP_CipherUpdate(context, data, &written, data, (int)length) != 1 || written != (int)length))
        return failed();
    return 1;
}

void culvert_cipher_free(CulvertCipher *context) { EVP_CIPHER_CTX_free(context); }

CulvertHMAC *culvert_hmac_new(int digest, const uint8_t *key, size_t key_length) {
    const char *name = digest == CULVERT_SHA256   ? "SHA256"
                       : digest == CULVERT_SHA384 ? "SHA384"
                       : digest == CULVERT_SHA512 ? "SHA512"
                                                  : NULL;
    if (name == NULL) return NULL;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)name, 0), OSSL_PARAM_construct_end()};
    if (context == NULL || EVP_MAC_init(context, key_length == 0 ? empty : key, key_length, params) != 1) {
        EVP_MAC_CTX_free(context);
        failed();
        return NULL;
    }
    return context;
}

void culvert_hmac_free(CulvertHMAC *context) { EVP_MAC_CTX_free(context); }

int culvert_hmac_begin(CulvertHMAC *context) {
    return EVP_MAC_init(context, NULL, 0, NULL) == 1 ? 1 : failed();
}

int culvert_hmac_update(CulvertHMAC *context, const uint8_t *data, size_t length) {
    return length == 0 || EVP_MAC_update(context, data, length) == 1 ? 1 : failed();
}

int culvert_hmac_finish(CulvertHMAC *context, uint8_t *mac, size_t mac_length) {
    uint8_t whole[EVP_MAX_MD_SIZE];
    size_t whole_length = 0;
    if (EVP_MAC_final(context, whole, &whole_length, sizeof whole) != 1 || mac_length > whole_length) return failed();
    memcpy(mac, whole, mac_length);
    OPENSSL_cleanse(whole, sizeof whole);
    return 1;
}

int culvert_hmac_two(
    CulvertHMAC *context, const uint8_t *first, size_t first_length, const uint8_t *second, size_t second_length,
    uint8_t *mac, size_t mac_length) {
    return culvert_hmac_begin(context) && culvert_hmac_update(context, first, first_length) &&
           culvert_hmac_update(context, second, second_length) && culvert_hmac_finish(context, mac, mac_length);
}

int culvert_equal(const uint8_t *left, const uint8_t *right, size_t length) {
    return length == 0 || CRYPTO_memcmp(left, right, length) == 0;
}

void culvert_wipe(void *data, size_t length) {
    if (length > 0) OPENSSL_cleanse(data, length);
}
