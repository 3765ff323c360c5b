/* Tokens of the Backup Repository: what was signed, and each claim that is missing or wrong. */
#include "unit.h"

#include "base/crypto.h"
#include "gateway/access/token.h"
#include "gateway/surfaces/backup_repository/token.h"

#define NOW_S UINT64_C(1700000000)
#define USER "user_01H1QW8N5JZJ8X4Q2K7B3C9D6E"
#define WHO                                                                                        \
    "\"iss\":\"mediahub\",\"aud\":\"br\",\"sub\":\"" USER                                          \
    "\",\"login\":\"eve\",\"operationsScope\":\"\""

static struct arena *arena;
static struct keyring keyring;

static int set_up(void **state)
{
    crypto_init();
    arena = arena_new();
    keyring = (struct keyring){.n = 1, .token_keys = {{.kid = "k1"}}};
    memset(keyring.token_keys[0].secret, 1, KEY_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

static void what_was_signed(void **state)
{
    const struct backup_claims made = {
        .user_id = SLICE(USER),
        .login = SLICE("eve"),
        .access_key = SLICE("uploader"),
        .scope = SLICE("[{\"type\":\"collection\",\"name\":\"a\",\"roles\":[\"backupUploader\"]}]"),
        .issued_s = NOW_S,
        .expires_s = NOW_S + 60};
    struct slice token = backup_token_sign(arena, &keyring, &made), detail = SLICE_NONE;
    struct backup_claims read;

    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 0, &read, &detail), OK);
    assert_true(slice_eq(read.user_id, made.user_id) && slice_eq(read.login, made.login));
    assert_true(slice_eq(read.access_key, made.access_key) && slice_eq(read.scope, made.scope));
    assert_true(read.issued_s == NOW_S && read.expires_s == NOW_S + 60);
    /* Two logins of the same second are two sessions. */
    assert_false(slice_eq(token, backup_token_sign(arena, &keyring, &made)));
}

/* Names and scope that are each within their bounds may be too much together. */
static void the_longest(void **state)
{
    enum { NAME_MAX_BYTES = 1024 };
    char *text = arena_alloc(arena, BACKUP_SCOPE_MAX_BYTES);
    struct backup_claims made = {.user_id = SLICE(USER),
                                 .login = SLICE("eve"),
                                 .scope = {text, BACKUP_SCOPE_MAX_BYTES},
                                 .issued_s = NOW_S,
                                 .expires_s = NOW_S + 60};
    size_t fits = 0;

    memset(text, 'x', BACKUP_SCOPE_MAX_BYTES);
    for (size_t n = 0; n < NAME_MAX_BYTES; n++) {
        struct backup_claims read;
        struct slice detail;

        made.access_key = (struct slice){text, n};
        struct slice token = backup_token_sign(arena, &keyring, &made);
        if (!token.n)
            continue;
        assert_int_equal(fits++, n);
        assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 0, &read, &detail), OK);
        assert_true(slice_eq(read.access_key, made.access_key));
        assert_true(slice_eq(read.scope, made.scope));
    }
    assert_in_range(fits, 32, NAME_MAX_BYTES - 1);
}

static void every_bad_claim(void **state)
{
    static const struct {
        const char *claims;
        enum err err;
        const char *detail;
    } rows[] = {
        {"{" WHO ",\"exp\":1700000001,\"orig_iat\":1700000000}", OK, ""},
        /* Another clock may be a minute ahead, and no more. */
        {"{" WHO ",\"exp\":1700009999,\"orig_iat\":1700000060}", OK, ""},
        {"{" WHO ",\"exp\":1700009999,\"orig_iat\":1700000061}", ERR_UNAUTHORIZED,
         "Token used before issued"},
        {"{" WHO ",\"exp\":1700009999}", ERR_UNAUTHORIZED, "Token used before issued"},
        {"{" WHO ",\"exp\":1700000000,\"orig_iat\":1699999999}", ERR_UNAUTHORIZED,
         "Token is expired"},
        {"{" WHO ",\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS, "missing exp field"},
        {"{" WHO ",\"exp\":\"1700009999\",\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        {"{" WHO ",\"exp\":-1,\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        {"{" WHO ",\"exp\":null,\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        /* Whole seconds are all that we write. */
        {"{" WHO ",\"exp\":1700009999.5,\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        {"{" WHO ",\"exp\":17e8,\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        {"{" WHO ",\"exp\":[1700009999],\"orig_iat\":1700000000}", ERR_TOKEN_CLAIMS,
         "exp must be float64 format"},
        {"{" WHO ",\"exp\":1700009999,\"orig_iat\":\"1700000000\"}", ERR_UNAUTHORIZED,
         "Token used before issued"},
        {"{\"iss\":\"mediahub\",\"aud\":\"br\",\"sub\":\"" USER "\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"iss\":\"mediahub\",\"sub\":\"" USER "\",\"login\":\"eve\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"aud\":\"br\",\"sub\":\"" USER "\",\"login\":\"eve\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{}", ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"iss\":\"mediahub\",\"aud\":\"br\",\"login\":\"eve\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"iss\":\"mediahub\",\"aud\":\"mv\",\"sub\":\"" USER
         "\",\"login\":\"eve\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"iss\":\"other\",\"aud\":\"br\",\"sub\":\"" USER
         "\",\"login\":\"eve\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
        {"{\"iss\":\"mediahub\",\"aud\":\"br\",\"sub\":\"" USER
         "\",\"login\":\"eve\",\"operationsScope\":\"!\",\"exp\":1700009999}",
         ERR_UNAUTHORIZED, "signature is invalid"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice token = jws_seal(arena, &keyring, slice_from(rows[i].claims));
        struct slice detail = SLICE("");
        struct backup_claims claims;

        assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 0, &claims, &detail),
                         rows[i].err);
        assert_true(slice_eq(detail, slice_from(rows[i].detail)));
    }
}

static void grace(void **state)
{
    struct slice token =
        jws_seal(arena, &keyring, SLICE("{" WHO ",\"exp\":1700000000,\"orig_iat\":1699999999}"));
    struct backup_claims claims;
    struct slice detail;

    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 60, &claims, &detail), OK);
    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S + 59, 60, &claims, &detail),
                     OK);
    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S + 60, 60, &claims, &detail),
                     ERR_UNAUTHORIZED);
}

static void no_token_of_ours(void **state)
{
    static const struct {
        struct slice token;
        const char *detail;
    } rows[] = {
        {SLICE_INIT(""), "token contains an invalid number of segments"},
        {SLICE_INIT("a.b"), "token contains an invalid number of segments"},
        {SLICE_INIT("a.b.c.d"), "token contains an invalid number of segments"},
        {SLICE_INIT("e30.e30.e30"), "signature is invalid"},
    };
    struct backup_claims claims;
    struct keyring other = keyring;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice detail;

        assert_int_equal(
            backup_token_verify(arena, &keyring, rows[i].token, NOW_S, 0, &claims, &detail),
            ERR_UNAUTHORIZED);
        assert_true(slice_eq(detail, slice_from(rows[i].detail)));
    }
    memset(other.token_keys[0].secret, 2, KEY_BYTES);
    struct slice detail, token = jws_seal(arena, &other, SLICE("{" WHO ",\"exp\":1700009999}"));
    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 0, &claims, &detail),
                     ERR_UNAUTHORIZED);
    /* Nor is ours one of another surface, and the other way round. */
    struct token_claims others = {.user_id = SLICE(USER),
                                  .session_id = SLICE("ses_1"),
                                  .issued_s = NOW_S,
                                  .expires_s = NOW_S + 60};
    token = token_sign(arena, &keyring, &others);
    assert_int_equal(token_verify(arena, &keyring, token, NOW_S, &others), OK);
    assert_int_equal(backup_token_verify(arena, &keyring, token, NOW_S, 0, &claims, &detail),
                     ERR_UNAUTHORIZED);
    assert_true(slice_eq(detail, SLICE("signature is invalid")));
    token =
        jws_seal(arena, &keyring, SLICE("{" WHO ",\"exp\":1700009999,\"orig_iat\":1700000000}"));
    assert_int_equal(token_verify(arena, &keyring, token, NOW_S, &others), ERR_UNAUTHORIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_signed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_bad_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_token_of_ours, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
