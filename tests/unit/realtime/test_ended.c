/* Which sessions have ended lately. */
#include "unit.h"

#include "realtime/ended.h"

#include <stdio.h>

static const uint64_t MINUTE_US = UINT64_C(1000000) * ENDED_KEPT_S;

static void who_ended_when(void **state)
{
    struct ended ended = {0};

    assert_false(ended_since(&ended, SLICE("ses_1"), 0));
    ended_note(&ended, SLICE("ses_1"), 10);
    ended_note(&ended, SLICE("ses_2"), 20);
    ended_note(&ended, SLICE("ses_1"), 30);
    assert_true(ended_since(&ended, SLICE("ses_1"), 30));
    assert_false(ended_since(&ended, SLICE("ses_1"), 31));
    assert_true(ended_since(&ended, SLICE("ses_2"), 20));
    assert_false(ended_since(&ended, SLICE("ses_2"), 21));
    assert_false(ended_since(&ended, SLICE("ses_"), 0));
    assert_false(ended_since(&ended, SLICE_NONE, 0));
    ended_fini(&ended);
}

static void only_the_last_minute_is_kept(void **state)
{
    struct ended ended = {0};
    char id[32];

    for (uint64_t i = 0; i < 1000; i++) {
        int n = snprintf(id, sizeof id, "ses_%d", (int)i);

        ended_note(&ended, (struct slice){id, (size_t)n}, i * (MINUTE_US / 100));
        assert_true(ended.n <= 101);
    }
    assert_true(ended_since(&ended, SLICE("ses_999"), 0));
    assert_true(ended_since(&ended, SLICE("ses_899"), 0));
    assert_false(ended_since(&ended, SLICE("ses_898"), 0));
    ended_fini(&ended);
}

static void an_id_of_nobody(void **state)
{
    struct ended ended = {0};
    char id[65] = {0};

    ended_note(&ended, (struct slice){id, sizeof id}, 1);
    assert_int_equal(ended.n, 0);
    ended_note(&ended, (struct slice){id, sizeof id - 1}, 1);
    assert_true(ended_since(&ended, (struct slice){id, sizeof id - 1}, 1));
    ended_fini(&ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_ended_when),
        cmocka_unit_test(only_the_last_minute_is_kept),
        cmocka_unit_test(an_id_of_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
