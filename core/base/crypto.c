/* The newer interface of OpenSSL keeps the state of a hash to itself. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/crypto.h"

#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

struct sha256 {
    SHA256_CTX context;
};

struct digest {
    EVP_MD_CTX *context;
};

/* A hash that cannot be computed leaves nothing sensible to do, so the calls below abort. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

static EVP_MAC_CTX *new_mac(void)
{
    OSSL_PARAM digest[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

    must(context && EVP_MAC_CTX_set_params(context, digest) == 1);
    EVP_MAC_free(hmac);
    return context;
}

static _Thread_local EVP_MAC_CTX *mac;

void crypto_init(void)
{
    must(sodium_init() >= 0);
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = MEM_NEW(struct sha256);

    must(SHA256_Init(&hash->context) == 1);
    return hash;
}

void sha256_update(struct sha256 *hash, const void *bytes, size_t n)
{
    must(SHA256_Update(&hash->context, bytes, n) == 1);
}

void sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES])
{
    must(SHA256_Final(out, &hash->context) == 1);
}

void sha256_free(struct sha256 *hash)
{
    mem_free(hash);
}

uint64_t sha256_count(const struct sha256 *hash)
{
    return ((uint64_t)hash->context.Nh << 32 | hash->context.Nl) / 8;
}

static void put_big_endian(uint8_t *out, uint64_t value, size_t n)
{
    while (n--) {
        out[n] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_big_endian(const uint8_t *in, size_t n)
{
    uint64_t value = 0;

    while (n--)
        value = value << 8 | *in++;
    return value;
}

/* The eight words, the count of bytes, and those of a block that is not full. */
enum { STATE_WORDS = 8, STATE_COUNT_AT = 32, STATE_REST_AT = 40 };

void sha256_save(const struct sha256 *hash, uint8_t out[SHA256_STATE_BYTES])
{
    memset(out, 0, SHA256_STATE_BYTES);
    for (size_t i = 0; i < STATE_WORDS; i++)
        put_big_endian(out + 4 * i, hash->context.h[i], 4);
    put_big_endian(out + STATE_COUNT_AT, sha256_count(hash), 8);
    memcpy(out + STATE_REST_AT, hash->context.data, hash->context.num);
}

struct sha256 *sha256_restore(const uint8_t state[SHA256_STATE_BYTES])
{
    struct sha256 *hash = sha256_new();
    uint64_t count = get_big_endian(state + STATE_COUNT_AT, 8);

    for (size_t i = 0; i < STATE_WORDS; i++)
        hash->context.h[i] = (SHA_LONG)get_big_endian(state + 4 * i, 4);
    hash->context.Nl = (SHA_LONG)(count << 3);
    hash->context.Nh = (SHA_LONG)(count >> 29);
    hash->context.num = (unsigned)(count % SHA256_CBLOCK);
    memcpy(hash->context.data, state + STATE_REST_AT, hash->context.num);
    return hash;
}

struct slice sha256_hex(struct arena *arena, struct slice bytes)
{
    struct sha256 hash;
    uint8_t digest[SHA256_BYTES];

    must(SHA256_Init(&hash.context) == 1);
    sha256_update(&hash, bytes.p, bytes.n);
    sha256_final(&hash, digest);
    return text_hex(arena, digest, sizeof digest);
}

static const EVP_MD *digest_kind(struct slice name)
{
    static const struct {
        struct slice name;
        const EVP_MD *(*kind)(void);
    } rows[] = {{SLICE_INIT("md5"), EVP_md5},
                {SLICE_INIT("sha1"), EVP_sha1},
                {SLICE_INIT("sha256"), EVP_sha256},
                {SLICE_INIT("sha512"), EVP_sha512}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq(name, rows[i].name))
            return rows[i].kind();
    return NULL;
}

struct digest *digest_new(struct slice name)
{
    const EVP_MD *kind = digest_kind(name);
    struct digest *digest;

    if (!kind)
        return NULL;
    digest = MEM_NEW(struct digest);
    digest->context = EVP_MD_CTX_new();
    must(digest->context != NULL);
    if (EVP_DigestInit_ex(digest->context, kind, NULL) == 1)
        return digest;
    digest_free(digest); /* not allowed here, as MD5 is not everywhere */
    return NULL;
}

void digest_update(struct digest *digest, const void *bytes, size_t n)
{
    must(EVP_DigestUpdate(digest->context, bytes, n) == 1);
}

size_t digest_final(struct digest *digest, uint8_t out[DIGEST_BYTES_MAX])
{
    unsigned n = 0;

    must(EVP_DigestFinal_ex(digest->context, out, &n) == 1);
    return n;
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    mem_free(digest);
}

void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[SHA256_BYTES])
{
    size_t n;

    if (!mac)
        mac = new_mac();
    must(EVP_MAC_init(mac, (const unsigned char *)key.p, key.n, NULL) == 1);
    must(EVP_MAC_update(mac, (const unsigned char *)bytes.p, bytes.n) == 1);
    must(EVP_MAC_final(mac, out, &n, SHA256_BYTES) == 1 && n == SHA256_BYTES);
}

void random_bytes(void *out, size_t n)
{
    randombytes_buf(out, n);
}

uint64_t random_below(uint64_t bound)
{
    uint64_t value;

    assert(bound > 0);
    /* The lowest 2^64 mod bound values would make the small results likelier. */
    uint64_t skip = (0 - bound) % bound;
    do {
        random_bytes(&value, sizeof value);
    } while (value < skip);
    return value % bound;
}

bool crypto_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}
