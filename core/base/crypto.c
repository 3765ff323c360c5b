#include "base/crypto.h"

#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>

struct sha256 {
    EVP_MD_CTX *context;
};

/* A hash that cannot be computed leaves nothing sensible to do, so the calls below abort. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Looked up once: OpenSSL searches by name each time otherwise, which takes as long as a hash. */
static EVP_MD *sha256_kind;

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
    sha256_kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256_kind != NULL);
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = MEM_NEW(struct sha256);

    hash->context = EVP_MD_CTX_new();
    must(hash->context && EVP_DigestInit_ex(hash->context, sha256_kind, NULL) == 1);
    return hash;
}

void sha256_update(struct sha256 *hash, const void *bytes, size_t n)
{
    must(EVP_DigestUpdate(hash->context, bytes, n) == 1);
}

void sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES])
{
    must(EVP_DigestFinal_ex(hash->context, out, NULL) == 1);
}

void sha256_free(struct sha256 *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    mem_free(hash);
}

struct slice sha256_hex(struct arena *arena, struct slice bytes)
{
    uint8_t digest[SHA256_BYTES];

    must(EVP_Digest(bytes.p, bytes.n, digest, NULL, sha256_kind, NULL) == 1);
    return text_hex(arena, digest, sizeof digest);
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
