#include "gateway/access/signed_link.h"

#include "base/crypto.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>

/* Everything that is signed is separated by a byte that can stand in none of it. */
static struct slice signature(struct arena *arena, const struct signing_key *signer,
                              struct slice path_and_query, struct slice expires,
                              struct slice user_id)
{
    struct slice text = arena_printf(arena, "GET\n%.*s\n%.*s\n%.*s", SLICE_ARG(path_and_query),
                                     SLICE_ARG(expires), SLICE_ARG(user_id));
    struct slice key = {(const char *)signer->secret, sizeof signer->secret};
    uint8_t mac[SHA256_BYTES];

    hmac_sha256(key, text, mac);
    return text_base64url(arena, (struct slice){(const char *)mac, sizeof mac});
}

struct slice link_sign(struct arena *arena, const struct keyring *keyring,
                       struct slice path_and_query, struct slice user_id, uint64_t now_s)
{
    uint64_t expires_s = (now_s + LINK_LIFE_S + LINK_ROUND_S - 1) / LINK_ROUND_S * LINK_ROUND_S;
    struct slice expires = arena_printf(arena, "%" PRIu64, expires_s);
    struct slice sig = signature(arena, &keyring->link_keys[0], path_and_query, expires, user_id);
    size_t at;
    char separator = slice_find(path_and_query, '?', &at) ? '&' : '?';

    return arena_printf(arena, "%.*s%cexp=%.*s&user=%.*s&sig=%.*s", SLICE_ARG(path_and_query),
                        separator, SLICE_ARG(expires), SLICE_ARG(user_id), SLICE_ARG(sig));
}

/* Cuts `name` and its value off the end of *link; the value must be all that follows it. */
static bool cut_last(struct slice *link, struct slice name, struct slice *value)
{
    size_t at = link->n;

    while (at > 0 && link->p[at - 1] != '&' && link->p[at - 1] != '?')
        at--;
    struct slice last = slice_from_offset(*link, at);
    if (at == 0 || !slice_starts_with(last, name))
        return false;
    *value = slice_from_offset(last, name.n);
    *link = (struct slice){link->p, at - 1};
    return true;
}

static bool is_signed(struct arena *arena, const struct keyring *keyring, struct slice link,
                      struct slice expires, struct slice user, struct slice sig)
{
    for (size_t i = 0; i < keyring->link_n; i++)
        if (crypto_equal(sig, signature(arena, &keyring->link_keys[i], link, expires, user)))
            return true;
    return false;
}

bool link_verify(struct arena *arena, const struct keyring *keyring, struct slice path_and_query,
                 uint64_t now_s, struct slice *user_id)
{
    struct slice link = path_and_query, sig, user, expires;
    uint64_t expires_s;

    if (!cut_last(&link, SLICE("sig="), &sig) || !cut_last(&link, SLICE("user="), &user) ||
        !cut_last(&link, SLICE("exp="), &expires) || !slice_to_u64(expires, &expires_s))
        return false;
    if (expires_s <= now_s || expires_s - now_s > LINK_LIFE_S + LINK_ROUND_S)
        return false;
    if (!is_signed(arena, keyring, link, expires, user, sig))
        return false;
    *user_id = user;
    return true;
}
