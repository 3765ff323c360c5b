#include "base/clock.h"
#include "base/loop.h"
#include "base/timer.h"
#include "unit.h"

enum { TIMERS = 500 };

struct probe {
    struct timer timer;
    uint64_t due_ms, fired_ms;
    unsigned fired;
};

static struct probe probes[TIMERS];

static void on_probe(struct timer *timer)
{
    struct probe *probe = (struct probe *)timer;

    probe->fired_ms = clock_ms();
    probe->fired++;
}

static void arm(struct probe *probe, uint64_t delay_ms)
{
    timer_stop(&probe->timer);
    *probe = (struct probe){.due_ms = clock_ms() + delay_ms};
    timer_start(&probe->timer, delay_ms, on_probe);
}

static void fires_once_and_never_early(void **state)
{
    uv_loop_t *loop = loop_init(1);
    uint64_t random = 12345;

    for (size_t i = 0; i < TIMERS; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        arm(&probes[i], (random >> 33) % 900); /* both lower levels of the wheel */
    }
    uv_run(loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(probes[i].fired, 1);
        assert_true(probes[i].fired_ms >= probes[i].due_ms);
        assert_true(probes[i].fired_ms <= probes[i].due_ms + 250);
        assert_false(timer_armed(&probes[i].timer));
    }
    assert_true(loop_fini());
}

static void nothing_armed_keeps_no_loop_alive(void **state)
{
    uv_loop_t *loop = loop_init(1);

    assert_false(uv_loop_alive(loop));
    arm(&probes[0], 60000);
    assert_true(uv_loop_alive(loop));
    timer_stop(&probes[0].timer);
    timer_stop(&probes[0].timer);
    assert_false(uv_loop_alive(loop));
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(probes[0].fired, 0);
    assert_true(loop_fini());
}

static void starting_again_moves_the_due_time(void **state)
{
    uv_loop_t *loop = loop_init(1);

    arm(&probes[0], 86400000);
    arm(&probes[1], 5);
    timer_start(&probes[0].timer, 20, on_probe);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(probes[0].fired, 1);
    assert_int_equal(probes[1].fired, 1);
    assert_true(loop_fini());
}

static struct probe *victim;
static unsigned chain;

static void stops_victim(struct timer *timer)
{
    on_probe(timer);
    timer_stop(&victim->timer);
}

static void a_callback_may_stop_its_neighbour(void **state)
{
    uv_loop_t *loop = loop_init(1);

    do { /* until both are due in the same tick */
        arm(&probes[0], 20);
        arm(&probes[1], 20);
    } while (probes[1].timer.next != &probes[0].timer);
    probes[0].timer.fn = probes[1].timer.fn = stops_victim;
    victim = &probes[0];
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(victim->fired, 0);
    assert_int_equal(probes[1].fired, 1);
    assert_true(loop_fini());
}

static void on_chain(struct timer *timer)
{
    if (++chain < 20)
        timer_start(timer, chain % 3, on_chain);
}

static void a_callback_may_start_itself_again(void **state)
{
    uv_loop_t *loop = loop_init(1);
    struct timer timer = {0};

    chain = 0;
    timer_start(&timer, 0, on_chain);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(chain, 20);
    assert_true(loop_fini());
}

static void far_timers_can_be_armed_and_forgotten(void **state)
{
    static const uint64_t delays_ms[] = {640, 41000, 2700000, 172800000, 10800000000, UINT64_MAX};
    uv_loop_t *loop = loop_init(1);

    for (size_t i = 0; i < COUNT_OF(delays_ms); i++)
        arm(&probes[i], delays_ms[i]);
    for (size_t i = 0; i < 3; i++)
        uv_run(loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < COUNT_OF(delays_ms); i++) {
        assert_true(timer_armed(&probes[i].timer));
        assert_int_equal(probes[i].fired, 0);
    }
    assert_true(loop_fini());
    assert_false(timer_armed(&probes[0].timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_and_never_early),
        cmocka_unit_test(nothing_armed_keeps_no_loop_alive),
        cmocka_unit_test(starting_again_moves_the_due_time),
        cmocka_unit_test(a_callback_may_stop_its_neighbour),
        cmocka_unit_test(a_callback_may_start_itself_again),
        cmocka_unit_test(far_timers_can_be_armed_and_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
