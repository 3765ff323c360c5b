/* Good tokens pass; every way of bending one is refused, with the cache and without. */
#include "unit.h"

#include "base/crypto.h"
#include "base/text.h"
#include "gateway/access/token.h"

#include <openssl/hmac.h>
#include <string.h>

#define NOW_S UINT64_C(1700000000)
#define USER "user_01H1QW8N5JZJ8X4Q2K7B3C9D6E"
#define SESSION "ses_01H1QW8N5JZJ8X4Q2K7B3C9D6F"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"
#define CLAIMS_BUT(field)                                                                          \
    "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER "\",\"jti\":\"" SESSION                 \
    "\",\"role\":\"user\",\"iat\":1699999000" field "}"
#define CLAIMS CLAIMS_BUT(",\"exp\":1700000600")

static struct arena *arena;
static struct keyring keyring;

static int setup(void **state)
{
    crypto_init();
    arena = arena_new();
    keyring = (struct keyring){.n = 2, .token_keys = {{.kid = "k1"}, {.kid = "k2"}}};
    memset(keyring.token_keys[0].secret, 1, KEY_BYTES);
    memset(keyring.token_keys[1].secret, 2, KEY_BYTES);
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

static struct slice encode(const char *text, size_t n)
{
    return text_base64url(arena, (struct slice){text, n});
}

/* A token with these parts and a MAC that is right for `digest` and the secret. */
static struct slice forge(const char *header, struct slice claims, const EVP_MD *digest,
                          const uint8_t *secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct slice signing =
        arena_printf(arena, "%.*s.%.*s", SLICE_ARG(encode(header, strlen(header))),
                     SLICE_ARG(encode(claims.p, claims.n)));

    HMAC(digest, secret, KEY_BYTES, (const unsigned char *)signing.p, signing.n, mac, &n);
    return arena_printf(arena, "%.*s.%.*s", SLICE_ARG(signing),
                        SLICE_ARG(encode((const char *)mac, n)));
}

static struct slice forge_256(const char *header, const char *claims)
{
    return forge(header, slice_from(claims), EVP_sha256(), keyring.token_keys[0].secret);
}

static enum err verify_at(struct slice token, uint64_t now_s)
{
    struct token_claims claims;

    return token_verify(arena, &keyring, token, now_s, &claims);
}

static enum err verify(struct slice token)
{
    return verify_at(token, NOW_S);
}

static void own_tokens_pass_and_say_what_was_signed(void **state)
{
    const struct token_claims made = {.user_id = SLICE(USER),
                                      .session_id = SLICE(SESSION),
                                      .admin = true,
                                      .issued_s = NOW_S,
                                      .expires_s = NOW_S + 3600};
    struct slice token = token_sign(arena, &keyring, &made);

    for (int round = 0; round < 2; round++) { /* the second one comes from the cache */
        struct token_claims read;
        assert_int_equal(token_verify(arena, &keyring, token, NOW_S, &read), OK);
        assert_true(slice_eq(read.user_id, made.user_id));
        assert_true(slice_eq(read.session_id, made.session_id));
        assert_true(read.admin);
        assert_int_equal(read.issued_s, made.issued_s);
        assert_int_equal(read.expires_s, made.expires_s);
    }
    assert_int_equal(verify_at(token, NOW_S + 3599), OK);
    assert_int_equal(verify_at(token, NOW_S + 3600), ERR_UNAUTHORIZED);
    assert_int_equal(verify(forge_256(HEADER, CLAIMS)), OK);
}

static void both_keys_verify_until_one_is_withdrawn(void **state)
{
    struct slice token = forge("{\"alg\":\"HS256\",\"kid\":\"k2\"}", SLICE(CLAIMS), EVP_sha256(),
                               keyring.token_keys[1].secret);

    assert_int_equal(verify(token), OK);
    keyring.n = 1;
    assert_int_equal(verify(token), ERR_UNAUTHORIZED);
    keyring.n = 2;
    assert_int_equal(verify(token), OK);
    keyring.token_keys[1].secret[0] ^= 1;
    assert_int_equal(verify(token), ERR_UNAUTHORIZED);
    keyring.token_keys[1].secret[0] ^= 1;
}

static void hostile_headers_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"kid\":\"k1\"}",
        "{\"alg\":\"None\",\"kid\":\"k1\"}",
        "{\"alg\":\"NONE\",\"kid\":\"k1\"}",
        "{\"alg\":\"nOnE\",\"kid\":\"k1\"}",
        "{\"alg\":\"hs256\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS384\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS512\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS256 \",\"kid\":\"k1\"}",
        "{\"alg\":256,\"kid\":\"k1\"}",
        "{\"kid\":\"k1\"}",
        "{\"alg\":\"HS384\",\"alg\":\"HS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k2\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k3\"}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"kid\":[\"k1\"]}",
        "{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":null}",
        "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":7}",
        "[{\"alg\":\"HS256\",\"kid\":\"k1\"}]",
        "{\"alg\":\"HS256\",\"kid\":\"k1\"} {}",
        "\"HS256\"",
        "{",
    };

    for (size_t i = 0; i < COUNT_OF(headers); i++)
        assert_int_equal(verify(forge_256(headers[i], CLAIMS)), ERR_UNAUTHORIZED);
    assert_int_equal(verify(forge("{\"alg\":\"HS384\",\"kid\":\"k1\"}", SLICE(CLAIMS), EVP_sha384(),
                                  keyring.token_keys[0].secret)),
                     ERR_UNAUTHORIZED);
    assert_int_equal(verify(forge("{\"alg\":\"HS512\",\"kid\":\"k1\"}", SLICE(CLAIMS), EVP_sha512(),
                                  keyring.token_keys[0].secret)),
                     ERR_UNAUTHORIZED);
}

static void hostile_claims_are_refused(void **state)
{
    static const char *const claims[] = {
        CLAIMS_BUT(""),
        CLAIMS_BUT(",\"exp\":1700000000"),
        CLAIMS_BUT(",\"exp\":1"),
        CLAIMS_BUT(",\"exp\":-1"),
        CLAIMS_BUT(",\"exp\":\"1700000600\""),
        CLAIMS_BUT(",\"exp\":1700000600.5"),
        CLAIMS_BUT(",\"exp\":1e10"),
        CLAIMS_BUT(",\"exp\":true"),
        CLAIMS_BUT(",\"exp\":null"),
        CLAIMS_BUT(",\"exp\":[1700000600]"),
        CLAIMS_BUT(",\"exp\":9223372036854775808"),
        CLAIMS_BUT(",\"exp\":1700000600,\"exp\":1700000601"),
        CLAIMS_BUT(",\"exp\":1700000600,\"nbf\":1700000061"),
        CLAIMS_BUT(",\"exp\":1700000600,\"nbf\":\"1\""),
        "[]",
        "{}",
        "1",
        CLAIMS "\n0",
        "{\"iss\":\"mediahub\",\"aud\":\"nvr\",\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":[\"mv\"],\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"other\",\"aud\":\"mv\",\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":7,\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"root\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER "\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1700000061,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER
        "\",\"jti\":\"" SESSION SESSION SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
        "{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"a\\u0000b\",\"jti\":\"" SESSION
        "\",\"role\":\"user\",\"iat\":1699999000,\"exp\":1700000600}",
    };

    for (size_t i = 0; i < COUNT_OF(claims); i++)
        assert_int_equal(verify(forge_256(HEADER, claims[i])), ERR_UNAUTHORIZED);

    struct slice after_nul = {CLAIMS "\0{}", sizeof(CLAIMS) + 2};
    assert_int_equal(verify(forge(HEADER, after_nul, EVP_sha256(), keyring.token_keys[0].secret)),
                     ERR_UNAUTHORIZED);
    assert_int_equal(
        verify(forge_256(HEADER, CLAIMS_BUT(",\"exp\":1700000600,\"nbf\":1700000060"))), OK);
}

static void hostile_shapes_are_refused(void **state)
{
    struct slice good = forge_256(HEADER, CLAIMS);
    const char *text = arena_cstr(arena, good);
    struct slice head, claims, mac, rest = good;
    slice_split(rest, '.', &head, &rest);
    slice_split(rest, '.', &claims, &mac);
    const struct slice shapes[] = {
        SLICE_NONE,
        SLICE(""),
        SLICE("."),
        SLICE(".."),
        SLICE("x..y"),
        SLICE("a.b.c"),
        arena_printf(arena, "%.*s.%.*s", SLICE_ARG(head), SLICE_ARG(claims)),
        arena_printf(arena, "%.*s.%.*s.", SLICE_ARG(head), SLICE_ARG(claims)),
        arena_printf(arena, "%.*s..%.*s", SLICE_ARG(head), SLICE_ARG(mac)),
        arena_printf(arena, ".%.*s.%.*s", SLICE_ARG(claims), SLICE_ARG(mac)),
        arena_printf(arena, "%s.%.*s", text, SLICE_ARG(mac)),
        arena_printf(arena, "%s.", text),
        arena_printf(arena, "%s=", text),
        arena_printf(arena, " %s", text),
        arena_printf(arena, "%s\n", text),
        arena_printf(arena, "%s%%00", text),
    };

    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        assert_int_equal(verify(shapes[i]), ERR_UNAUTHORIZED);
    assert_int_equal(verify(good), OK);
}

static void every_altered_character_is_refused(void **state)
{
    struct slice good = forge_256(HEADER, CLAIMS);

    for (size_t i = 0; i < good.n; i++) {
        char *bent = arena_cstr(arena, good);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_int_equal(verify((struct slice){bent, good.n}), ERR_UNAUTHORIZED);
    }
    for (size_t n = 0; n < good.n; n++)
        assert_int_equal(verify((struct slice){good.p, n}), ERR_UNAUTHORIZED);
}

/* The unused bits of a last base64 character must not make a second spelling of the same token. */
static void the_signature_has_one_spelling(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct slice good = forge_256(HEADER, CLAIMS);
    int accepted = 0;

    for (const char *c = alphabet; *c; c++) {
        char *bent = arena_cstr(arena, good);
        bent[good.n - 1] = *c;
        accepted += verify((struct slice){bent, good.n}) == OK;
    }
    assert_int_equal(accepted, 1);
}

static void large_tokens_are_refused_unread(void **state)
{
    size_t n = 100 << 10;
    char *header = arena_alloc(arena, n + 1);

    memset(header, ' ', n);
    memcpy(header, HEADER, sizeof(HEADER) - 1);
    header[n] = 0;
    assert_int_equal(verify(forge_256(header, CLAIMS)), ERR_UNAUTHORIZED);

    char *deep = arena_zalloc(arena, 1601);
    memset(deep, '[', 800);
    memset(deep + 800, ']', 800);
    assert_int_equal(verify(forge_256(HEADER, deep)), ERR_UNAUTHORIZED);
}

/* More tokens than slots: old ones are forgotten, none is mistaken for another. */
static void the_cache_is_bounded_and_exact(void **state)
{
    struct token_claims made = {
        .user_id = SLICE(USER), .issued_s = NOW_S, .expires_s = NOW_S + 3600};
    struct slice tokens[64];

    for (int round = 0; round < 100; round++) {
        struct arena *scratch = arena_new();
        for (size_t i = 0; i < COUNT_OF(tokens); i++) {
            made.session_id = arena_printf(scratch, "ses_%d_%zu", round, i);
            tokens[i] = token_sign(scratch, &keyring, &made);
        }
        for (size_t i = 0; i < 2 * COUNT_OF(tokens); i++) {
            struct token_claims read;
            size_t at = i % COUNT_OF(tokens);
            assert_int_equal(token_verify(scratch, &keyring, tokens[at], NOW_S, &read), OK);
            assert_true(slice_eq(read.session_id, arena_printf(scratch, "ses_%d_%zu", round, at)));
            assert_false(read.admin);
        }
        arena_free(scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_tokens_pass_and_say_what_was_signed),
        cmocka_unit_test(both_keys_verify_until_one_is_withdrawn),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(hostile_claims_are_refused),
        cmocka_unit_test(hostile_shapes_are_refused),
        cmocka_unit_test(every_altered_character_is_refused),
        cmocka_unit_test(the_signature_has_one_spelling),
        cmocka_unit_test(large_tokens_are_refused_unread),
        cmocka_unit_test(the_cache_is_bounded_and_exact),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
