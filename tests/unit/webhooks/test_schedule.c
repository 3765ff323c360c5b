#include "unit.h"
#include "webhooks/schedule.h"

static void delays_stay_within_the_jitter(void **state)
{
    static const uint64_t base_ms[] = {5000,     300000,   1800000, 7200000,
                                       18000000, 36000000, 36000000};

    for (uint64_t failures = 1; failures < SCHEDULE_ATTEMPTS; failures++) {
        uint64_t base = base_ms[failures - 1], least = UINT64_MAX, most = 0, delay_ms;

        for (uint64_t random = 0; random < 40000; random++) {
            assert_true(schedule_next(failures, 0, random * 7919, &delay_ms));
            least = delay_ms < least ? delay_ms : least;
            most = delay_ms > most ? delay_ms : most;
        }
        assert_true(least >= base * 8 / 10 && least < base * 81 / 100);
        assert_true(most <= base * 12 / 10 && most > base * 119 / 100);
    }
}

static void attempts_end(void **state)
{
    uint64_t delay_ms;

    assert_true(schedule_next(SCHEDULE_ATTEMPTS - 1, 0, 0, &delay_ms));
    assert_false(schedule_next(SCHEDULE_ATTEMPTS, 0, 0, &delay_ms));
    assert_false(schedule_next(1000, 3600, 0, &delay_ms));
}

static void hints_prolong_but_never_shorten(void **state)
{
    static const struct {
        uint64_t failures, hint_s, least_ms, most_ms;
    } cases[] = {
        {1, 1, 4000, 6000},
        {1, 60, 60000, 60000},
        {2, 60, 240000, 360000},
        {1, 3600 * 24, 86400000, 86400000},
        {1, 3600 * 24 * 30, 86400000, 86400000},
        {1, UINT64_MAX, 86400000, 86400000},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t delay_ms;

        assert_true(schedule_next(cases[i].failures, cases[i].hint_s, 12345 * i, &delay_ms));
        assert_in_range(delay_ms, cases[i].least_ms, cases[i].most_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_stay_within_the_jitter),
        cmocka_unit_test(attempts_end),
        cmocka_unit_test(hints_prolong_but_never_shorten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
