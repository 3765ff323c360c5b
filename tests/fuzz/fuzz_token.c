/* Any bytes as a token: refused, except for those that our own key has signed. An input with a
 * leading '!' is the two parts in the clear, signed here, so that the claims are reached too. */
#include "fuzz.h"

#include "base/crypto.h"
#include "base/text.h"
#include "gateway/access/token.h"
#include "gateway/surfaces/backup_repository/scope.h"
#include "gateway/surfaces/backup_repository/token.h"

#include <assert.h>

#define NOW_S UINT64_C(1700000000)

static const struct keyring keyring = {.n = 1, .token_keys = {{.kid = "k1", .secret = {7, 7, 7}}}};

__attribute__((constructor)) static void prepare(void)
{
    crypto_init();
}

static struct slice signed_token(struct arena *arena, struct slice text)
{
    const struct slice key = {(const char *)keyring.token_keys[0].secret, KEY_BYTES};
    struct slice header, claims;
    uint8_t mac[SHA256_BYTES];

    slice_split(text, '\n', &header, &claims);
    header = text_base64url(arena, header);
    claims = text_base64url(arena, claims);
    struct slice signing = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(header), SLICE_ARG(claims));
    hmac_sha256(key, signing, mac);
    struct slice tail = text_base64url(arena, (struct slice){(const char *)mac, sizeof(mac)});
    return arena_printf(arena, "%.*s.%.*s", SLICE_ARG(signing), SLICE_ARG(tail));
}

static void check_backup(struct arena *arena, struct slice token)
{
    struct backup_claims claims;
    struct grants scope;
    struct slice detail;

    if (backup_token_verify(arena, &keyring, token, NOW_S, 0, &claims, &detail) != OK)
        return;
    assert(claims.expires_s > NOW_S && claims.user_id.n > 0 && claims.login.n > 0);
    if (scope_parse(arena, claims.scope, &scope))
        for (size_t i = 0; i < scope.n; i++)
            assert(scope.list[i].type.n > 0 && scope.list[i].name.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct slice input = {(const char *)bytes, size};
    struct arena *arena = arena_new();
    struct token_claims claims, again;
    struct backup_claims backup;
    struct slice detail;

    if (size > 0 && bytes[0] == '!') {
        struct slice token = signed_token(arena, slice_from_offset(input, 1));
        if (token_verify(arena, &keyring, token, NOW_S, &claims) == OK) {
            assert(claims.expires_s > NOW_S && claims.user_id.n > 0 && claims.session_id.n > 0);
            assert(token_verify(arena, &keyring, token, NOW_S, &again) == OK); /* cached */
            assert(slice_eq(claims.session_id, again.session_id) && claims.admin == again.admin);
        }
        check_backup(arena, token);
    } else {
        assert(token_verify(arena, &keyring, input, NOW_S, &claims) == ERR_UNAUTHORIZED);
        assert(backup_token_verify(arena, &keyring, input, NOW_S, 0, &backup, &detail) != OK);
    }
    arena_free(arena);
    return 0;
}
