#include "base/clock.h"
#include "base/loop.h"
#include "supervisor/child.h"
#include "unit.h"

#include <signal.h>

static const char *const no_environment[] = {NULL};

struct seen {
    unsigned ready, deaths, stopped;
    uint64_t stop_after_deaths;
    struct child *child;
};

static void on_ready(void *arg, struct child *child)
{
    ((struct seen *)arg)->ready++;
}

static void on_death(void *arg, struct child *child, int status)
{
    struct seen *seen = arg;

    seen->deaths++;
    if (seen->deaths == seen->stop_after_deaths)
        child_stop(child, 1000);
}

static void on_stopped(void *arg, struct child *child)
{
    struct seen *seen = arg;

    seen->stopped++;
    child_watch_end();
}

/* Runs one child of `script` until it is gone. */
static void run(struct seen *seen, const char *script, bool tells_ready,
                void (*then)(struct seen *))
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct child_spec spec = {
        .name = "sh",
        .argv = argv,
        .environment = no_environment,
        .stop_signal = SIGTERM,
        .death_signal = SIGKILL,
        .tells_ready = tells_ready,
    };
    const struct child_watcher watcher = {seen, on_ready, on_death, on_stopped};
    uv_loop_t *loop = loop_init(1);

    child_watch_begin(&watcher);
    seen->child = child_start(&spec);
    while (then && !seen->ready)
        uv_run(loop, UV_RUN_ONCE);
    if (then)
        then(seen);
    uv_run(loop, UV_RUN_DEFAULT);
    child_free(seen->child); /* asserts that it is gone */
    assert_true(loop_fini());
}

static void stop_politely(struct seen *seen)
{
    assert_true(child_is_ready(seen->child));
    child_stop(seen->child, 10000);
    child_stop(seen->child, 10000);
}

static void stops_when_asked(void **state)
{
    struct seen seen = {0};

    run(&seen, "trap 'exit 0' TERM; echo 1 >&3; while :; do read line; done", true, stop_politely);
    assert_int_equal(seen.ready, 1);
    assert_int_equal(seen.deaths, 0);
    assert_int_equal(seen.stopped, 1);
}

static void stop_impatiently(struct seen *seen)
{
    child_stop(seen->child, 50);
}

static void is_killed_past_its_grace(void **state)
{
    struct seen seen = {0};
    uint64_t start_ms = clock_ms();

    run(&seen, "trap '' TERM; echo 1 >&3; exec tail -f /dev/null", true, stop_impatiently);
    assert_int_equal(seen.stopped, 1);
    assert_in_range(clock_ms() - start_ms, 50, 5000);
}

static void kill_all(struct seen *seen)
{
    seen->stop_after_deaths = 1;
    child_kill_all();
}

static void all_can_be_killed(void **state)
{
    struct seen seen = {0};

    run(&seen, "exec tail -f /dev/null", false, kill_all);
    assert_int_equal(seen.deaths, 1);
    assert_int_equal(seen.stopped, 1);
}

/* Deaths come after 0, 200 and 600 ms. */
static void starts_again_after_growing_pauses(void **state)
{
    struct seen seen = {.stop_after_deaths = 3};
    uint64_t start_ms = clock_ms();

    run(&seen, "exit 7", true, NULL);
    assert_int_equal(seen.deaths, 3);
    assert_int_equal(seen.ready, 0);
    assert_int_equal(seen.stopped, 1);
    assert_true(clock_ms() - start_ms >= 3 * CHILD_PAUSE_MIN_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(is_killed_past_its_grace),
        cmocka_unit_test(all_can_be_killed),
        cmocka_unit_test(starts_again_after_growing_pauses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
