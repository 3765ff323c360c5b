/* Signed tokens before anybody asks what they mean: shape, header, key, spelling. What claims are
 * worth is tested where they are read. */
#include "unit.h"

#include "base/crypto.h"
#include "base/text.h"
#include "gateway/access/jws.h"

#include <openssl/hmac.h>
#include <string.h>

#define HEADER "{\"alg\":\"HS256\",\"kid\":\"k1\"}"

static struct arena *arena;
static struct keyring keyring;

static int set_up(void **state)
{
    crypto_init();
    arena = arena_new();
    keyring = (struct keyring){.n = 2, .token_keys = {{.kid = "k1"}, {.kid = "k2"}}};
    memset(keyring.token_keys[0].secret, 1, KEY_BYTES);
    memset(keyring.token_keys[1].secret, 2, KEY_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

static struct slice mac_of(struct slice signing, const uint8_t *secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    HMAC(EVP_sha256(), secret, KEY_BYTES, (const unsigned char *)signing.p, signing.n, mac, &n);
    return text_base64url(arena, (struct slice){(const char *)mac, n});
}

/* Two parts as they are spelled here, and a signature of the first key that is right for them. */
static struct slice forge_parts(struct slice header, struct slice claims)
{
    struct slice signing = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(header), SLICE_ARG(claims));

    return arena_printf(arena, "%.*s.%.*s", SLICE_ARG(signing),
                        SLICE_ARG(mac_of(signing, keyring.token_keys[0].secret)));
}

static struct slice forge(const char *header, const char *claims)
{
    return forge_parts(text_base64url(arena, slice_from(header)),
                       text_base64url(arena, slice_from(claims)));
}

static enum jws_verdict open_token(struct slice token)
{
    json_t *claims = NULL;
    enum jws_verdict verdict = jws_open(arena, &keyring, token, &claims);

    assert_true(verdict != JWS_HOLDS || json_is_object(claims));
    return verdict;
}

static void sealed_by_the_newest_key(void **state)
{
    struct slice token = jws_seal(arena, &keyring, SLICE("{\"a\":\"\xc3\xa9\",\"n\":7}"));
    struct keyring rotated = keyring;
    uint64_t number;
    json_t *claims;

    assert_int_equal(jws_open(arena, &keyring, token, &claims), JWS_HOLDS);
    assert_true(slice_eq(json_get_slice(claims, "a"), SLICE("\xc3\xa9")));
    assert_true(json_get_u64(claims, "n", &number) && number == 7);

    /* The key that signed it is the older one now, then it is withdrawn. */
    rotated.token_keys[0] = keyring.token_keys[1];
    rotated.token_keys[1] = keyring.token_keys[0];
    assert_int_equal(jws_open(arena, &rotated, token, &claims), JWS_HOLDS);
    rotated.n = 1;
    assert_int_equal(jws_open(arena, &rotated, token, &claims), JWS_FOREIGN);
    rotated.n = 0;
    assert_int_equal(jws_open(arena, &rotated, token, &claims), JWS_FOREIGN);
}

static void malformed(void **state)
{
    static const struct slice tokens[] = {
        SLICE_INIT(""),        SLICE_INIT("."),       SLICE_INIT(".."),
        SLICE_INIT("a"),       SLICE_INIT("a.b"),     SLICE_INIT("a.b."),
        SLICE_INIT(".b.c"),    SLICE_INIT("a..c"),    SLICE_INIT("a.b.c."),
        SLICE_INIT("a.b.c.d"), SLICE_INIT("a.b.c="),  SLICE_INIT("a+.b.c"),
        SLICE_INIT("a.b/.c"),  SLICE_INIT(" a.b.c"),  SLICE_INIT("a.b.c\n"),
        SLICE_INIT("a.b.c\0"), SLICE_INIT("a.b.%63"), SLICE_INIT("a.b.\xc3\xa9"),
    };
    struct slice good = forge(HEADER, "{}");

    assert_int_equal(open_token(good), JWS_HOLDS);
    assert_int_equal(open_token(SLICE_NONE), JWS_MALFORMED);
    for (size_t i = 0; i < COUNT_OF(tokens); i++)
        assert_int_equal(open_token(tokens[i]), JWS_MALFORMED);
    /* Unsigned, as `alg: none` has it. */
    good.n = (size_t)((const char *)memrchr(good.p, '.', good.n) + 1 - good.p);
    assert_int_equal(open_token(good), JWS_MALFORMED);
}

static void foreign(void **state)
{
    static const struct {
        const char *header, *claims;
        enum jws_verdict verdict;
    } rows[] = {
        {HEADER, "{}", JWS_HOLDS},
        {"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"k1\"}", "{}", JWS_HOLDS},
        {"{\"alg\":\"none\",\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"HS512\",\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"hs256\",\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"{\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"HS256\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"HS256\",\"kid\":\"k2\"}", "{}", JWS_FOREIGN}, /* signed by k1 */
        {"{\"alg\":\"HS256\",\"kid\":\"k3\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"HS256\",\"kid\":\"k1\",\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[]}", "{}", JWS_FOREIGN},
        {"{\"typ\":\"at+jwt\",\"alg\":\"HS256\",\"kid\":\"k1\"}", "{}", JWS_FOREIGN},
        {"[]", "{}", JWS_FOREIGN},
        {HEADER, "[]", JWS_FOREIGN},
        {HEADER, "7", JWS_FOREIGN},
        {HEADER, "{\"a\":1,\"a\":2}", JWS_FOREIGN},
        {HEADER, "{\"a\":\"\xff\"}", JWS_FOREIGN},
        {HEADER, "{} {}", JWS_FOREIGN},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(open_token(forge(rows[i].header, rows[i].claims)), rows[i].verdict);
    keyring.token_keys[0].secret[KEY_BYTES - 1] ^= 1;
    struct slice other = forge(HEADER, "{}");
    keyring.token_keys[0].secret[KEY_BYTES - 1] ^= 1;
    assert_int_equal(open_token(other), JWS_FOREIGN);
}

/* The last character of a part may have bits that no byte needs; only one spelling counts, also
 * under a signature that is right for the other. */
static void one_spelling(void **state)
{
    struct slice header = text_base64url(arena, SLICE(HEADER));
    char *bent = arena_cstr(arena, header);

    assert_int_equal(sizeof(HEADER) % 3, 0); /* one byte short of whole groups: two spare bits */
    assert_int_equal(open_token(forge_parts(header, SLICE("e30"))), JWS_HOLDS);
    assert_int_equal(open_token(forge_parts(header, SLICE("e31"))), JWS_FOREIGN);
    assert_int_equal(open_token(forge_parts(header, SLICE("e3"))), JWS_FOREIGN);
    bent[header.n - 1]++;
    assert_int_equal(open_token(forge_parts((struct slice){bent, header.n}, SLICE("e30"))),
                     JWS_FOREIGN);
}

static void too_long(void **state)
{
    struct slice header = text_base64url(arena, SLICE(HEADER));
    size_t mac_bytes = mac_of(header, keyring.token_keys[0].secret).n;
    /* {   } fills what header, signature and two dots leave. */
    size_t part = JWS_MAX_BYTES - header.n - mac_bytes - 2, bytes = part / 4 * 3 + part % 4 * 3 / 4;
    char *claims = arena_zalloc(arena, bytes + 4);

    memset(claims, ' ', bytes + 3);
    claims[0] = '{';
    claims[bytes - 1] = '}';
    struct slice longest =
        forge_parts(header, text_base64url(arena, (struct slice){claims, bytes}));
    assert_in_range(longest.n, JWS_MAX_BYTES - 1, JWS_MAX_BYTES);
    assert_int_equal(open_token(longest), JWS_HOLDS);
    claims[bytes - 1] = ' ';
    claims[bytes + 1] = '}';
    longest = forge_parts(header, text_base64url(arena, (struct slice){claims, bytes + 2}));
    assert_true(longest.n > JWS_MAX_BYTES);
    assert_int_equal(open_token(longest), JWS_MALFORMED);
}

static struct slice most_claims(size_t n)
{
    char *claims = arena_alloc(arena, n);

    memset(claims, 'a', n);
    memcpy(claims, "{\"a\":\"", 6);
    memcpy(claims + n - 2, "\"}", 2);
    return (struct slice){claims, n};
}

static void seal_too_many_claims(void)
{
    jws_seal(arena, &keyring, most_claims(JWS_CLAIMS_MAX_BYTES + 1));
}

/* The longest claims that may be sealed can be opened, also under a key with the longest name. */
static void most_can_be_sealed(void **state)
{
    struct signing_key *key = &keyring.token_keys[0];
    char said[1024];

    memset(key->kid, 'k', sizeof key->kid - 1);
    assert_int_equal(open_token(jws_seal(arena, &keyring, most_claims(JWS_CLAIMS_MAX_BYTES))),
                     JWS_HOLDS);
    assert_true(unit_died(unit_run_in_child(seal_too_many_claims, said, sizeof said)));
}

static void audience(void **state)
{
    static const struct {
        const char *claims;
        struct slice audience;
    } rows[] = {
        {"{\"aud\":\"br\"}", SLICE_INIT("br")}, {"{\"aud\":[\"br\"]}", SLICE_INIT("")},
        {"{\"aud\":7}", SLICE_INIT("")},        {"{}", SLICE_INIT("")},
        {"[\"aud\"]", SLICE_INIT("")},          {"{\"aud\":\"br\"", SLICE_INIT("")},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice claims = text_base64url(arena, slice_from(rows[i].claims));
        struct slice token = arena_printf(arena, "a.%.*s.c", SLICE_ARG(claims));

        assert_true(slice_eq(jws_audience(arena, token), rows[i].audience));
    }
    assert_int_equal(jws_audience(arena, SLICE("")).n, 0);
    assert_int_equal(jws_audience(arena, SLICE("a.eyJhdWQiOiJiciJ9")).n, 0); /* no third part */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sealed_by_the_newest_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(most_can_be_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(audience, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
