#include "base/seal.h"

#include "base/crypto.h"
#include "base/text.h"

#include <sodium.h>
#include <string.h>

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};
_Static_assert((int)SEAL_KEY_BYTES == (int)crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key");

static const struct slice prefix = SLICE_INIT("sealed:1:");

static const uint8_t *bytes_of(struct slice s)
{
    return (const uint8_t *)s.p;
}

void seal_key_name(struct seal_key *key)
{
    static const struct slice purpose = SLICE_INIT("mediahub: name of a key");
    uint8_t mac[SHA256_BYTES];

    hmac_sha256((struct slice){(const char *)key->bytes, sizeof key->bytes}, purpose, mac);
    sodium_bin2hex(key->name, sizeof key->name, mac, SEAL_NAME_BYTES / 2);
}

struct seal_key seal_key_from(struct arena *arena, const char *purpose, struct slice secret)
{
    struct slice text = arena_printf(arena, "%s of %.*s", purpose, SLICE_ARG(secret));
    struct sha256 *hash = sha256_new();
    struct seal_key key;

    sha256_update(hash, text.p, text.n);
    sha256_final(hash, key.bytes);
    sha256_free(hash);
    seal_key_name(&key);
    return key;
}

struct slice seal(struct arena *arena, const struct seal_key *key, struct slice place,
                  struct slice plain)
{
    uint8_t *box = arena_alloc(arena, NONCE + plain.n + TAG);
    unsigned long long n;

    random_bytes(box, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, &n, bytes_of(plain), plain.n,
                                               bytes_of(place), place.n, NULL, box, key->bytes);
    struct slice text = text_base64url(arena, (struct slice){(const char *)box, NONCE + n});
    return arena_printf(arena, "%.*s%s:%.*s", SLICE_ARG(prefix), key->name, SLICE_ARG(text));
}

struct slice seal_name(struct slice text)
{
    struct slice name = SLICE_NONE, rest;

    if (slice_starts_with(text, prefix))
        slice_split(slice_from_offset(text, prefix.n), ':', &name, &rest);
    return name;
}

enum seal_verdict seal_open(struct arena *arena, const struct seal_key *key, struct slice place,
                            struct slice text, struct slice *plain)
{
    struct slice name, rest, box;
    unsigned long long n;

    *plain = text;
    if (!slice_starts_with(text, prefix))
        return SEAL_PLAIN;
    *plain = SLICE_NONE;
    if (!slice_split(slice_from_offset(text, prefix.n), ':', &name, &rest) ||
        !text_unbase64url(arena, rest, &box) || box.n < NONCE + TAG)
        return SEAL_BROKEN;
    if (!slice_eq(name, slice_from(key->name)))
        return SEAL_OTHER_KEY;
    uint8_t *opened = arena_alloc(arena, box.n);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(opened, &n, NULL, bytes_of(box) + NONCE,
                                                   box.n - NONCE, bytes_of(place), place.n,
                                                   bytes_of(box), key->bytes) != 0)
        return SEAL_BROKEN;
    *plain = (struct slice){(const char *)opened, (size_t)n};
    return SEAL_OPENED;
}
