#include "gateway/access/token.h"

#include "base/crypto.h"
#include "gateway/access/jws.h"

#include <assert.h>
#include <string.h>

enum {
    CLOCK_SKEW_S = 60, /* between the machines of one hub; for the past ends only */
    ID_MAX_BYTES = 64,
    CACHE_SLOTS = 4096,    /* one token each; a newer one of the same slot takes its place */
    CACHE_SLOT_DIGITS = 3, /* of the hash: 16^3 slots */
};

struct cached_token {
    char hash[SHA256_HEX];
    bool used, admin;
    uint8_t user_bytes, session_bytes;
    char user_id[ID_MAX_BYTES], session_id[ID_MAX_BYTES];
    uint64_t issued_s, expires_s;
};

/* Belongs to one set of keys: with other ones it starts empty, so a withdrawn key takes its tokens
 * along. */
static struct cached_token cache[CACHE_SLOTS];
static struct signing_key cache_keys[KEYRING_MAX];
static size_t cache_key_count;

static bool same_keys(const struct keyring *keyring)
{
    if (keyring->n != cache_key_count)
        return false;
    for (size_t i = 0; i < keyring->n; i++) {
        const struct signing_key *a = &keyring->token_keys[i], *b = &cache_keys[i];
        if (!slice_eq(slice_from(a->kid), slice_from(b->kid)) ||
            !crypto_equal((struct slice){(const char *)a->secret, KEY_BYTES},
                          (struct slice){(const char *)b->secret, KEY_BYTES}))
            return false;
    }
    return true;
}

static struct cached_token *cache_slot(const struct keyring *keyring, struct slice hash)
{
    size_t slot = 0;

    if (!same_keys(keyring)) {
        memset(cache, 0, sizeof(cache));
        memcpy(cache_keys, keyring->token_keys, sizeof(cache_keys));
        cache_key_count = keyring->n;
    }
    for (size_t i = 0; i < CACHE_SLOT_DIGITS; i++) {
        char c = hash.p[i];
        slot = slot * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    assert(slot < CACHE_SLOTS);
    return &cache[slot];
}

static bool cache_read(struct arena *arena, struct cached_token *entry, struct slice hash,
                       struct token_claims *out)
{
    if (!entry->used || memcmp(entry->hash, hash.p, SHA256_HEX) != 0)
        return false;
    *out = (struct token_claims){
        .user_id = arena_dup(arena, (struct slice){entry->user_id, entry->user_bytes}),
        .session_id = arena_dup(arena, (struct slice){entry->session_id, entry->session_bytes}),
        .admin = entry->admin,
        .issued_s = entry->issued_s,
        .expires_s = entry->expires_s,
    };
    return true;
}

static void cache_write(struct cached_token *entry, struct slice hash,
                        const struct token_claims *claims)
{
    entry->used = true;
    memcpy(entry->hash, hash.p, SHA256_HEX);
    entry->admin = claims->admin;
    entry->issued_s = claims->issued_s;
    entry->expires_s = claims->expires_s;
    entry->user_bytes = (uint8_t)claims->user_id.n;
    entry->session_bytes = (uint8_t)claims->session_id.n;
    memcpy(entry->user_id, claims->user_id.p, claims->user_id.n);
    memcpy(entry->session_id, claims->session_id.p, claims->session_id.n);
}

/* Integers only: libjwt's getter gives 0 for texts and reals. */
static bool claim_seconds(const json_t *claims, const char *name, uint64_t *out)
{
    const json_t *value = json_object_get(claims, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool claims_hold(const json_t *json, uint64_t now_s, struct token_claims *out)
{
    struct slice role = json_get_slice(json, "role");
    uint64_t not_before_s = 0;

    out->user_id = json_get_slice(json, "sub");
    out->session_id = json_get_slice(json, "jti");
    out->admin = slice_eq(role, SLICE("admin"));
    if (json_object_get(json, "nbf") && !claim_seconds(json, "nbf", &not_before_s))
        return false;
    return claim_seconds(json, "exp", &out->expires_s) &&
           claim_seconds(json, "iat", &out->issued_s) && out->expires_s > now_s &&
           out->issued_s <= now_s + CLOCK_SKEW_S && not_before_s <= now_s + CLOCK_SKEW_S &&
           slice_eq(json_get_slice(json, "aud"), SLICE(TOKEN_AUDIENCE)) &&
           slice_eq(json_get_slice(json, "iss"), SLICE(TOKEN_ISSUER)) &&
           (out->admin || slice_eq(role, SLICE("user"))) && out->user_id.n > 0 &&
           out->user_id.n <= ID_MAX_BYTES && out->session_id.n > 0 &&
           out->session_id.n <= ID_MAX_BYTES;
}

enum err token_verify(struct arena *arena, const struct keyring *keyring, struct slice token,
                      uint64_t now_s, struct token_claims *out)
{
    json_t *claims;

    if (token.n > JWS_MAX_BYTES)
        return ERR_UNAUTHORIZED;
    struct slice hash = sha256_hex(arena, token);
    struct cached_token *entry = cache_slot(keyring, hash);
    if (cache_read(arena, entry, hash, out))
        return out->expires_s > now_s ? OK : ERR_UNAUTHORIZED;

    if (jws_open(arena, keyring, token, &claims) != JWS_HOLDS || !claims_hold(claims, now_s, out))
        return ERR_UNAUTHORIZED;
    cache_write(entry, hash, out);
    return OK;
}

struct slice token_sign(struct arena *arena, const struct keyring *keyring,
                        const struct token_claims *claims)
{
    struct json_writer w;
    struct buf json;

    buf_init(&json, JWS_MAX_BYTES);
    jw_init(&w, &json);
    jw_object(&w);
    jw_str(&w, "iss", SLICE(TOKEN_ISSUER));
    jw_str(&w, "aud", SLICE(TOKEN_AUDIENCE));
    jw_str(&w, "sub", claims->user_id);
    jw_str(&w, "jti", claims->session_id);
    jw_str(&w, "role", claims->admin ? SLICE("admin") : SLICE("user"));
    jw_int(&w, "iat", (int64_t)claims->issued_s);
    jw_int(&w, "exp", (int64_t)claims->expires_s);
    jw_object_end(&w);
    struct slice token = jws_seal(arena, keyring, buf_slice(&json));
    buf_fini(&json);
    return token;
}
