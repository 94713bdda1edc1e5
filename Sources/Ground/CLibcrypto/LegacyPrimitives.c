// The low-level calls stay in libcrypto without its legacy provider, but carry a mark of deprecation that this file alone
// has to overlook.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "CLibcrypto.h"

#include <openssl/crypto.h>
#include <openssl/des.h>
#include <openssl/md4.h>
#include <string.h>

int culvert_md4(const uint8_t *data, size_t length, uint8_t *digest) {
    static const uint8_t empty[1] = {0};
    return MD4(length == 0 ? empty : data, length, digest) != NULL;
}

int culvert_des_block(const uint8_t *key, const uint8_t *in, uint8_t *out) {
    DES_cblock key_block, in_block, out_block;
    DES_key_schedule schedule;
    memcpy(key_block, key, sizeof key_block);
    memcpy(in_block, in, sizeof in_block);
    DES_set_key_unchecked(&key_block, &schedule);
    DES_ecb_encrypt(&in_block, &out_block, &schedule, DES_ENCRYPT);
    memcpy(out, out_block, sizeof out_block);
    OPENSSL_cleanse(&schedule, sizeof schedule);
    OPENSSL_cleanse(key_block, sizeof key_block);
    return 1;
}
