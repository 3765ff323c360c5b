/* The sandboxes, proved on this machine. */
#include "sandbox/sandbox_trial.h"
#include "unit.h"

static void count_trial(void *arg, struct slice line, enum trial_end end)
{
    size_t *counts = arg;

    counts[end]++;
    print_message("%.*s\n", SLICE_ARG(line));
}

static void test_trials(void **state)
{
    size_t counts[TRIAL_NOT_HERE + 1] = {0};

    assert_int_equal(sandbox_try(count_trial, counts), 0);
    assert_in_range(counts[TRIAL_RIGHT], 30, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trials)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
