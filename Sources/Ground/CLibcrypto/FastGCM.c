// AES-GCM of Intel ipsec-mb, found at run time (Debian: libipsec-mb1). Its one-shot functions are exported for each kind
// of processor and have kept their form through all of version 1, which the name of the library stands for.
#include "CLibcrypto.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// struct gcm_key_data has 1008 bytes and struct gcm_context_data 88; the self-test sees it when they have more.
#define KEY_ROOM 1024
#define CONTEXT_ROOM 128

typedef void (*expand_function)(const void *key, void *expanded);
typedef void (*run_function)(
    const void *expanded, void *context, uint8_t *out, const uint8_t *in, uint64_t length, const uint8_t *iv,
    const uint8_t *aad, uint64_t aad_length, uint8_t *tag, uint64_t tag_length);

struct functions {
    expand_function expand;
    run_function seal, open;
};

struct culvert_fast_gcm {
    _Alignas(64) uint8_t expanded[KEY_ROOM];
    _Alignas(64) uint8_t context[CONTEXT_ROOM];
    const struct functions *functions;
};

// For keys of 16, 24 and 32 bytes; written once, before anybody reads.
static struct functions engines[3];
static const char *engine_name = "libcrypto (ipsec-mb is not installed)";
static int is_usable = 0;
static pthread_once_t loading = PTHREAD_ONCE_INIT;

static int place_of(size_t key_length) {
    return key_length == 16 ? 0 : key_length == 24 ? 1 : key_length == 32 ? 2 : -1;
}

static void *symbol(void *library, const char *what, int bits, const char *kind) {
    char name[64] = "aes_gcm_";
    strcat(name, what);
    strcat(name, bits == 128 ? "_128_" : bits == 192 ? "_192_" : "_256_");
    strcat(name, kind);
    return dlsym(library, name);
}

static int resolve(void *library, const char *kind) {
    for (int i = 0; i < 3; i++) {
        engines[i].expand = (expand_function)symbol(library, "pre", 128 + 64 * i, kind);
        engines[i].seal = (run_function)symbol(library, "enc", 128 + 64 * i, kind);
        engines[i].open = (run_function)symbol(library, "dec", 128 + 64 * i, kind);
        if (engines[i].expand == NULL || engines[i].seal == NULL || engines[i].open == NULL) return 0;
    }
    return 1;
}

static CulvertFastGCM *make(const uint8_t *key, size_t key_length) {
    int place = place_of(key_length);
    CulvertFastGCM *made = place < 0 ? NULL : aligned_alloc(64, sizeof *made);
    if (made == NULL) return NULL;
    memset(made, 0, sizeof *made);
    made->functions = &engines[place];
    made->functions->expand(key, made->expanded);
    return made;
}

// What libcrypto gives is what must come out, and nothing may be written behind the room for keys.
static int agrees(size_t key_length) {
    static const size_t lengths[] = {0, 1, 15, 16, 17, 64, 255, 256, 1400, 4096};
    uint8_t key[32], nonce[12], aad[12], text[4096], expected[4096], tag[16], expected_tag[16];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 131 + 7);
    memcpy(key, text + 100, sizeof key);
    memcpy(nonce, text + 200, sizeof nonce);
    memcpy(aad, text + 300, sizeof aad);
    int place = place_of(key_length), right = 1;
    _Alignas(64) uint8_t room[KEY_ROOM + 1024];
    memset(room, 0xA5, sizeof room);
    engines[place].expand(key, room);
    for (size_t i = KEY_ROOM; i < sizeof room; i++) right &= room[i] == 0xA5;
    CulvertFastGCM *fast = make(key, key_length);
    CulvertCipher *seal = culvert_aead_new(
        place == 0 ? CULVERT_AES_128_GCM : place == 1 ? CULVERT_AES_192_GCM : CULVERT_AES_256_GCM, 1, key, key_length);
    right &= fast != NULL && seal != NULL;
    for (size_t i = 0; right && i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t aad_length = 8; right && aad_length <= 12; aad_length += 4) {
            uint8_t work[4096];
            memcpy(expected, text, lengths[i]);
            memcpy(work, text, lengths[i]);
            right &= culvert_aead_seal(seal, nonce, aad, aad_length, expected, lengths[i], expected_tag);
            right &= culvert_fast_gcm_seal(fast, nonce, aad, aad_length, work, lengths[i], tag);
            right &= memcmp(work, expected, lengths[i]) == 0 && memcmp(tag, expected_tag, 16) == 0;
            right &= culvert_fast_gcm_open(fast, nonce, aad, aad_length, work, lengths[i], tag);
            right &= memcmp(work, text, lengths[i]) == 0;
            tag[15] ^= 1;
            right &= !culvert_fast_gcm_open(fast, nonce, aad, aad_length, work, lengths[i], tag);
        }
    }
    culvert_cipher_free(seal);
    culvert_fast_gcm_free(fast);
    return right;
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The best of some short rounds each, so that what else the machine does hardly counts.
static int is_faster(void) {
    uint8_t key[32] = {1}, nonce[12] = {2}, aad[12] = {3}, text[1400] = {4}, tag[16];
    CulvertFastGCM *fast = make(key, sizeof key);
    CulvertCipher *slow = culvert_aead_new(CULVERT_AES_256_GCM, 1, key, sizeof key);
    int64_t best[2] = {INT64_MAX, INT64_MAX};
    for (int round = 0; fast != NULL && slow != NULL && round < 16; round++) {
        int64_t start = nanoseconds();
        for (int i = 0; i < 8; i++) culvert_fast_gcm_seal(fast, nonce, aad, 12, text, sizeof text, tag);
        int64_t middle = nanoseconds();
        for (int i = 0; i < 8; i++) culvert_aead_seal(slow, nonce, aad, 12, text, sizeof text, tag);
        int64_t end = nanoseconds();
        if (middle - start < best[0]) best[0] = middle - start;
        if (end - middle < best[1]) best[1] = end - middle;
    }
    culvert_cipher_free(slow);
    culvert_fast_gcm_free(fast);
    return best[0] < best[1];
}

static void load(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("avx")) return;
    const char *kind = "avx_gen2", *name = "ipsec-mb (AVX)";
    if (__builtin_cpu_supports("avx2")) kind = "avx_gen4", name = "ipsec-mb (AVX2)";
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vaes") &&
        __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("gfni"))
        kind = "vaes_avx512", name = "ipsec-mb (VAES, AVX-512)";
    // Stays open for the life of the process.
    void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    if (!resolve(library, kind)) {
        engine_name = "libcrypto (ipsec-mb lacks functions of this processor)";
    } else if (!agrees(16) || !agrees(24) || !agrees(32)) {
        engine_name = "libcrypto (ipsec-mb fails its self-test)";
    } else if (!is_faster()) {
        engine_name = "libcrypto (ipsec-mb is not faster)";
    } else {
        engine_name = name;
        is_usable = 1;
    }
#else
    engine_name = "libcrypto (ipsec-mb is for x86-64)";
#endif
}

const char *culvert_gcm_engine(void) {
    pthread_once(&loading, load);
    return engine_name;
}

CulvertFastGCM *culvert_fast_gcm_new(const uint8_t *key, size_t key_length) {
    pthread_once(&loading, load);
    return is_usable ? make(key, key_length) : NULL;
}

int culvert_fast_gcm_seal(
    CulvertFastGCM *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    uint8_t *tag) {
    gcm->functions->seal(gcm->expanded, gcm->context, data, data, length, nonce, aad, aad_length, tag, 16);
    return 1;
}

int culvert_fast_gcm_open(
    CulvertFastGCM *gcm, const uint8_t *nonce, const uint8_t *aad, size_t aad_length, uint8_t *data, size_t length,
    const uint8_t *tag) {
    uint8_t computed[16];
    gcm->functions->open(gcm->expanded, gcm->context, data, data, length, nonce, aad, aad_length, computed, 16);
    if (CRYPTO_memcmp(computed, tag, 16) == 0) return 1;
    // Nothing that failed authentication may be read by anyone.
    if (length > 0) OPENSSL_cleanse(data, length);
    return 0;
}

void culvert_fast_gcm_free(CulvertFastGCM *gcm) {
    if (gcm == NULL) return;
    OPENSSL_cleanse(gcm, sizeof *gcm);
    free(gcm);
}

#if defined(__x86_64__)
int culvert_has_aes(void) { return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"); }
#elif defined(__aarch64__)
#include <sys/auxv.h>
// HWCAP_AES and HWCAP_PMULL of <asm/hwcap.h>.
int culvert_has_aes(void) { return (getauxval(AT_HWCAP) & 0x18) == 0x18; }
#else
int culvert_has_aes(void) { return 0; }
#endif
