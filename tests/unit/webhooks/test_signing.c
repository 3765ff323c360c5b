#include "webhooks/signing.h"

#include "base/crypto.h"
#include "base/text.h"
#include "unit.h"

#define MFKQ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY "{\"test\": 2432232314}"

static struct arena *arena;

static int make_arena(void **state)
{
    crypto_init();
    arena = arena_new();
    return 0;
}

static int drop_arena(void **state)
{
    arena_free(arena);
    return 0;
}

/* Vectors of the official libraries; the keys of 23 and 25 bytes prove that the key is what the
 * base64 decodes to. */
static void known_signatures_come_out(void **state)
{
    static const struct {
        const char *key, *id;
        uint64_t timestamp_s;
        const char *body, *signature;
    } cases[] = {
        {MFKQ "Sw", ID, 1614265330, BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553,
         "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
         "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
        {MFKQ "Sw", ID, 1614265330, "", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="},
        {MFKQ "Q=", ID, 1614265330, BODY, "v1,LVOXivKoo4FWasi/IaHvzhE/u+7/cu2AME+zS/nXqzk="},
        {MFKQ "SwBg==", ID, 1614265330, BODY, "v1,yK2tMbA6BHPrMEJ1lLv7UlJJbgFoqGenJkiajZ29evg="},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice key;

        assert_true(text_unbase64(arena, slice_from(cases[i].key), &key));
        struct slice got = signing_v1(arena, key, slice_from(cases[i].id), cases[i].timestamp_s,
                                      slice_from(cases[i].body));
        if (!slice_eq(got, slice_from(cases[i].signature)))
            fail_msg("case %zu: %.*s", i, SLICE_ARG(got));
    }
}

static void secrets_are_parsed_strictly(void **state)
{
    static const struct {
        const char *secret;
        size_t key_bytes; /* 0: refused */
    } cases[] = {
        {"whsec_" MFKQ "Sw", 24},
        {"whsec_" MFKQ "Q=", 0}, /* 23 bytes */
        {MFKQ "Sw", 0},
        {"v1,whsec_" MFKQ "Sw", 0},
        {"whsec_", 0},
        {"", 0},
        {"whsec_" MFKQ "S_", 0},   /* the alphabet of URLs */
        {"whsec_" MFKQ "SwBg", 0}, /* without padding */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice key = SLICE_NONE;

        bool accepted = signing_key_parse(arena, slice_from(cases[i].secret), &key);
        if (accepted != (cases[i].key_bytes > 0) || (accepted && key.n != cases[i].key_bytes))
            fail_msg("%s", cases[i].secret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_signatures_come_out),
        cmocka_unit_test(secrets_are_parsed_strictly),
    };

    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
