#include "unit.h"
#include "webhooks/admission.h"

#include <stdio.h>

static struct admission *admission;

static int make_admission(void **state)
{
    admission = admission_new();
    return 0;
}

static int drop_admission(void **state)
{
    admission_free(admission); /* asserts that every host is gone */
    return 0;
}

static void fail_times(struct gate *gate, unsigned times, uint64_t now_ms)
{
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(gate_take(gate, 1, now_ms), 1);
        gate_done(gate, GATE_FAILURE, now_ms);
    }
}

static void the_window_grows_with_successes_and_shrinks_with_failures(void **state)
{
    struct gate gate;

    gate_init(&gate, admission, SLICE("a.example"), 443);
    assert_int_equal(gate_take(&gate, 100, 0), GATE_WINDOW_FIRST);
    assert_int_equal(gate_take(&gate, 1, 0), 0);
    for (unsigned i = 0; i < GATE_WINDOW_FIRST; i++)
        gate_done(&gate, GATE_SUCCESS, 0);
    assert_int_equal(gate_take(&gate, 100, 0), GATE_WINDOW_MAX);
    gate_give_back(&gate, GATE_WINDOW_MAX - 1);
    gate_done(&gate, GATE_FAILURE, 0);
    assert_int_equal(gate_take(&gate, 100, 0), GATE_WINDOW_MAX / 2);
    gate_give_back(&gate, GATE_WINDOW_MAX / 2 - 1);
    gate_done(&gate, GATE_NO_VERDICT, 0);
    assert_int_equal(gate_take(&gate, 100, 0), GATE_WINDOW_MAX / 2);
    gate_give_back(&gate, GATE_WINDOW_MAX / 2);
    gate_fini(&gate);
}

static void a_dead_endpoint_is_probed_ever_more_rarely(void **state)
{
    struct gate gate;
    uint64_t now_ms = 1000;

    gate_init(&gate, admission, SLICE("b.example"), 443);
    fail_times(&gate, GATE_FAILURES_TO_CLOSE, now_ms);
    for (uint64_t pause_ms = GATE_PAUSE_FIRST_MS; pause_ms < GATE_PAUSE_MAX_MS; pause_ms *= 2) {
        assert_int_equal(gate_take(&gate, 8, now_ms + pause_ms - 1), 0);
        now_ms += pause_ms;
        assert_int_equal(gate_take(&gate, 8, now_ms), 1);
        gate_done(&gate, GATE_FAILURE, now_ms);
    }
    assert_int_equal(gate_take(&gate, 8, now_ms + GATE_PAUSE_MAX_MS - 1), 0);
    now_ms += GATE_PAUSE_MAX_MS;
    assert_int_equal(gate_take(&gate, 8, now_ms), 1);
    gate_done(&gate, GATE_SUCCESS, now_ms);
    assert_int_equal(gate_take(&gate, 8, now_ms), 2);
    gate_give_back(&gate, 2);
    fail_times(&gate, GATE_FAILURES_TO_CLOSE, now_ms);
    assert_int_equal(gate_take(&gate, 8, now_ms + GATE_PAUSE_FIRST_MS), 1);
    gate_give_back(&gate, 1);
    gate_fini(&gate);
}

static void endpoints_of_one_host_share_its_limit(void **state)
{
    struct gate gates[12], other;
    unsigned taken = 0;

    for (size_t i = 0; i < 12; i++) {
        gate_init(&gates[i], admission, i % 2 ? SLICE("C.example") : SLICE("c.example"), 443);
        taken += gate_take(&gates[i], 8, 0);
    }
    gate_init(&other, admission, SLICE("c.example"), 8443);
    assert_int_equal(taken, ADMISSION_PER_HOST);
    assert_int_equal(gate_take(&other, 8, 0), GATE_WINDOW_FIRST);
    gate_give_back(&other, GATE_WINDOW_FIRST);
    for (size_t i = 0; i < 12; i++) {
        gate_give_back(&gates[i], gates[i].in_flight);
        gate_fini(&gates[i]);
    }
    gate_fini(&other);
}

static void suspects_leave_room_for_the_healthy(void **state)
{
    static struct gate gates[ADMISSION_SUSPECTS + 200];
    unsigned taken = 0;
    char name[32];
    size_t n = sizeof gates / sizeof gates[0];

    for (size_t i = 0; i < n; i++) {
        int length = snprintf(name, sizeof name, "h%zu.example", i);

        gate_init(&gates[i], admission, (struct slice){name, (size_t)length}, 443);
    }
    for (size_t i = 0; i < n - 100; i++)
        fail_times(&gates[i], 2, 0);
    for (size_t i = 0; i < n - 100; i++)
        taken += gate_take(&gates[i], 8, 0);
    assert_int_equal(taken, ADMISSION_SUSPECTS);
    taken = 0;
    for (size_t i = n - 100; i < n; i++)
        taken += gate_take(&gates[i], 8, 0);
    assert_int_equal(taken, 100 * GATE_WINDOW_FIRST);
    for (size_t i = 0; i < n; i++) {
        gate_give_back(&gates[i], gates[i].in_flight);
        gate_fini(&gates[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_grows_with_successes_and_shrinks_with_failures),
        cmocka_unit_test(a_dead_endpoint_is_probed_ever_more_rarely),
        cmocka_unit_test(endpoints_of_one_host_share_its_limit),
        cmocka_unit_test(suspects_leave_room_for_the_healthy),
    };

    return cmocka_run_group_tests(tests, make_admission, drop_admission);
}
