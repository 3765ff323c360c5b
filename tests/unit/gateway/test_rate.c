/* Which counter a request falls under. */
#include "unit.h"

#include "base/config_load.h"
#include "gateway/access/rate.h"

static void every_rate(void **state)
{
    struct arena *arena = arena_new();
    struct rate_limits limits;
    const struct {
        enum rate rate;
        struct principal who;
        const char *counter, *key;
        unsigned seconds;
        bool free_if_refused;
    } rows[] = {
        {RATE_DEFAULT, {.kind = PRINCIPAL_NONE}, "anonymous", "192.0.2.1", 60, false},
        {RATE_DEFAULT,
         {.kind = PRINCIPAL_SESSION, .user_id = SLICE("user_1"), .session_id = SLICE("ses_1")},
         "user",
         "user_1",
         60,
         false},
        {RATE_DEFAULT,
         {.kind = PRINCIPAL_KEY, .user_id = SLICE("user_1"), .session_id = SLICE("key_1")},
         "api_key",
         "key_1",
         60,
         false},
        {RATE_DEFAULT,
         {.kind = PRINCIPAL_LINK, .user_id = SLICE("user_1")},
         "link",
         "192.0.2.1",
         60,
         false},
        {RATE_HEALTH, {.kind = PRINCIPAL_NONE}, "health", "192.0.2.1", 60, false},
        {RATE_BACKUP,
         {.kind = PRINCIPAL_SESSION, .user_id = SLICE("user_1")},
         "backup",
         "192.0.2.1",
         1,
         true},
        {RATE_BACKUP_LOGIN, {.kind = PRINCIPAL_NONE}, "backup_login", "192.0.2.1", 60, false},
        {RATE_BACKUP_HEALTH, {.kind = PRINCIPAL_NONE}, "backup_health", "192.0.2.1", 60, false},
    };

    for (unsigned rate = 0; rate < RATE_COUNT; rate++)
        limits.of[rate] = 100 + rate;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rate_quota quota;

        rate_quota_choose(arena, &limits, rows[i].rate, SLICE("192.0.2.1"), &rows[i].who, &quota);
        assert_true(slice_eq(quota.counter, slice_from(rows[i].counter)));
        assert_true(slice_eq(quota.key, slice_from(rows[i].key)));
        assert_int_equal(quota.seconds, rows[i].seconds);
        assert_int_equal(quota.limit, 100 + quota.rate);
        assert_int_equal(quota.free_if_refused, rows[i].free_if_refused);
        assert_int_equal(rate_quota_is_callers(&quota),
                         slice_eq(quota.counter, SLICE("user")) ||
                             slice_eq(quota.counter, SLICE("api_key")));
    }
    arena_free(arena);
}

static void a_64_is_one_address(void **state)
{
    struct arena *arena = arena_new();
    const struct rate_limits limits = {0};
    const struct principal nobody = {.kind = PRINCIPAL_NONE};
    const enum rate rates[] = {RATE_DEFAULT, RATE_HEALTH, RATE_BACKUP_LOGIN};
    struct rate_quota quota;

    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        rate_quota_choose(arena, &limits, rates[i], SLICE("2001:db8:1:2::7"), &nobody, &quota);
        assert_true(slice_eq(quota.key, SLICE("2001:db8:1:2::/64")));
    }
    arena_free(arena);
}

/* What is shown of a window, and that 0 never refuses, stands in state/test_account.c and
 * test_dispatch.c. */
static void limits_of_the_settings(void **state)
{
    static char defaults[] = "--workers=1", none[] = "--limits.backup=0",
                more[] = "--limits.backup_login=12345";
    static const struct {
        char *argument;
        uint64_t backup, login, health;
    } rows[] = {
        {defaults, 5, 10, 10},
        {none, 0, 10, 10},
        {more, 5, 12345, 10},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *argv[] = {rows[i].argument, NULL};
        struct slice problem;
        struct config *config = config_load(1, argv, &problem);
        struct rate_limits limits;

        assert_non_null(config);
        rate_limits_read(config, &limits);
        assert_int_equal(limits.of[RATE_BACKUP], rows[i].backup);
        assert_int_equal(limits.of[RATE_BACKUP_LOGIN], rows[i].login);
        assert_int_equal(limits.of[RATE_BACKUP_HEALTH], rows[i].health);
        config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate),
        cmocka_unit_test(a_64_is_one_address),
        cmocka_unit_test(limits_of_the_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
