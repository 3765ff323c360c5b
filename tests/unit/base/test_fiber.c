#include "base/clock.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/timer.h"
#include "unit.h"

#include <signal.h>

enum { FIBERS_MAX = 64 };

static uv_loop_t *loop;
static char trace[256];

static void say(char c)
{
    size_t n = strlen(trace);

    assert_true(n + 1 < sizeof trace);
    trace[n] = c;
    trace[n + 1] = '\0';
}

static int setup(void **state)
{
    loop = loop_init(FIBERS_MAX);
    trace[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    return loop_fini() ? 0 : -1;
}

static void run(void)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(fiber_count(), 0);
}

static void say_name(void *arg)
{
    say(*(const char *)arg);
}

static char names[][2] = {"a", "b", "x"};

static void spawning_only_queues(void **state)
{
    assert_true(fiber_spawn(say_name, names[0]));
    assert_true(fiber_spawn(say_name, names[1]));
    assert_string_equal(trace, "");
    assert_int_equal(fiber_count(), 2);
    run();
    assert_string_equal(trace, "ab");
}

struct call {
    struct fiber_wait wait;
    uint64_t timeout_ms;
    enum fiber_wake wake;
    unsigned ended;
};

static void await_call(void *arg)
{
    struct call *call = arg;

    say('<');
    call->wake = fiber_await(&call->wait, call->timeout_ms);
    call->ended++;
    say('>');
}

static void resume_call(void *arg)
{
    struct call *call = arg;

    say('r');
    fiber_resume(&call->wait);
    say('s');
}

static void resuming_never_switches(void **state)
{
    struct call call = {0};

    fiber_spawn(await_call, &call);
    uv_run(loop, UV_RUN_NOWAIT);
    assert_string_equal(trace, "<");
    resume_call(&call);
    assert_string_equal(trace, "<rs");
    assert_int_equal(call.ended, 0);
    run();
    assert_string_equal(trace, "<rs>");
    assert_int_equal(call.wake, FIBER_DONE);
}

static void resuming_from_a_fiber_never_switches(void **state)
{
    struct call call = {0};

    fiber_spawn(await_call, &call);
    fiber_spawn(resume_call, &call);
    run();
    assert_string_equal(trace, "<rs>");
}

static void awaiting_what_is_done_returns_at_once(void **state)
{
    struct call call = {.wait.done = true};

    fiber_spawn(await_call, &call);
    fiber_spawn(say_name, names[2]);
    run();
    assert_string_equal(trace, "<>x");
    assert_int_equal(call.wake, FIBER_DONE);
}

static void resuming_early_and_twice_is_harmless(void **state)
{
    struct call call = {0};

    fiber_resume(&call.wait);
    fiber_resume(&call.wait);
    fiber_spawn(await_call, &call);
    run();
    fiber_resume(&call.wait);
    run();
    assert_int_equal(call.ended, 1);
}

static void a_timeout_ends_the_wait(void **state)
{
    struct call call = {.timeout_ms = 15};
    uint64_t start_ms = clock_ms();

    fiber_spawn(await_call, &call);
    run();
    assert_true(clock_ms() - start_ms >= 15);
    assert_int_equal(call.wake, FIBER_TIMEOUT);
    assert_null(call.wait.sleeper);
    assert_false(call.wait.done);
}

/* A timer of the same tick, run before or after the fiber's own. */
struct race {
    struct timer timer;
    struct call call;
};

static void on_race(struct timer *timer)
{
    struct race *race = (struct race *)timer;

    fiber_resume(&race->call.wait);
}

static void run_race(void *arg)
{
    struct race *race = arg;

    await_call(&race->call);
}

/* Whichever of the two comes first decides, and the loser changes nothing: each wait ends once. */
static void timeout_and_resume_in_one_turn(void **state)
{
    struct race races[FIBERS_MAX / 4] = {0};
    unsigned done = 0;

    for (size_t i = 0; i < COUNT_OF(races); i++) {
        races[i].call.timeout_ms = 20;
        trace[0] = '\0';
        if (i % 2)
            timer_start(&races[i].timer, 20, on_race);
        fiber_spawn(run_race, &races[i]);
        uv_run(loop, UV_RUN_NOWAIT);
        if (i % 2 == 0)
            timer_start(&races[i].timer, 20, on_race);
    }
    trace[0] = '\0';
    uint64_t start_ms = clock_ms();
    while (clock_ms() - start_ms < 40)
        continue; /* so that both timers of each pair are overdue in the same turn */
    run();
    for (size_t i = 0; i < COUNT_OF(races); i++) {
        assert_int_equal(races[i].call.ended, 1);
        assert_true(races[i].call.wait.done);
        assert_null(races[i].call.wait.sleeper);
        done += races[i].call.wake == FIBER_DONE;
    }
    assert_in_range(done, 1, COUNT_OF(races) - 1);
}

static void await_twice(void *arg)
{
    struct call *call = arg;
    struct fiber_wait never = {0};

    call[0].wake = fiber_await(&call[0].wait, 10000);
    call[1].wake = fiber_await(&never, 20);
}

/* The first wait's timer must not end the second wait, nor may its late resume. */
static void a_wait_that_ended_leaves_nothing_behind(void **state)
{
    struct call calls[2] = {0};

    fiber_spawn(await_twice, calls);
    uv_run(loop, UV_RUN_NOWAIT);
    fiber_resume(&calls[0].wait);
    uv_run(loop, UV_RUN_NOWAIT);
    fiber_resume(&calls[0].wait);
    uint64_t start_ms = clock_ms();
    run();
    assert_int_equal(calls[0].wake, FIBER_DONE);
    assert_int_equal(calls[1].wake, FIBER_TIMEOUT);
    assert_true(clock_ms() - start_ms < 5000);
}

static unsigned turns;

static void on_turn(uv_prepare_t *handle)
{
    turns++;
}

static void spawn_three(void *arg)
{
    size_t *left = arg;
    unsigned turn = turns;

    say((char)('0' + turns - 1));
    if (--*left > 0)
        fiber_spawn(spawn_three, left);
    assert_int_equal(turns, turn);
}

/* Sockets are served between a fiber's wake-up and the next one that it causes. */
static void what_becomes_ready_in_a_batch_runs_a_turn_later(void **state)
{
    static uv_prepare_t prepare; /* closed by the loop's end, after this function's */
    size_t left = 3;

    turns = 0;
    uv_prepare_init(loop, &prepare);
    uv_prepare_start(&prepare, on_turn);
    uv_unref((uv_handle_t *)&prepare);
    fiber_spawn(spawn_three, &left);
    run();
    assert_string_equal(trace, "012");
    uv_close((uv_handle_t *)&prepare, NULL);
}

static void nap(void *arg)
{
    unsigned *ended = arg;

    fiber_sleep(1);
    ++*ended;
}

static void the_pool_has_a_bound_and_stacks_are_reused(void **state)
{
    unsigned ended = 0;

    for (unsigned round = 1; round <= 3; round++) {
        for (size_t i = 0; i < FIBERS_MAX; i++)
            assert_true(fiber_spawn(nap, &ended));
        assert_false(fiber_spawn(nap, &ended));
        run();
        assert_int_equal(ended, round * FIBERS_MAX);
    }
}

static void *stacks[2];

static void note_stack(void *arg)
{
    *(void **)arg = __builtin_frame_address(0);
}

static void a_stack_is_used_again(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        fiber_spawn(note_stack, &stacks[i]);
        run();
    }
    assert_ptr_equal(stacks[0], stacks[1]);
}

struct summing {
    unsigned char seed;
    unsigned sum;
};

/* Locals, also those whose address is taken, live through many awaits and other fibers. */
static void sum_over_awaits(void *arg)
{
    struct summing *summing = arg;
    unsigned char bytes[512];

    memset(bytes, summing->seed, sizeof bytes);
    for (int i = 0; i < 10; i++) {
        fiber_sleep(1);
        for (size_t at = 0; at < sizeof bytes; at++)
            summing->sum += bytes[at];
    }
}

static void locals_survive(void **state)
{
    struct summing summings[FIBERS_MAX] = {0};

    for (size_t i = 0; i < COUNT_OF(summings); i++) {
        summings[i].seed = (unsigned char)i;
        assert_true(fiber_spawn(sum_over_awaits, &summings[i]));
    }
    run();
    for (size_t i = 0; i < COUNT_OF(summings); i++)
        assert_int_equal(summings[i].sum, i * 5120);
}

static void parse_deep(void *arg)
{
    struct arena *arena = arena_new();
    static char text[4000];

    memset(text, '[', sizeof text);
    *(bool *)arg = json_parse(arena, (struct slice){text, sizeof text}) == NULL;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_non_null(json_parse(arena, (struct slice){text, 2 * JSON_MAX_DEPTH}));
    arena_free(arena);
}

static void deep_json_fits_the_stack(void **state)
{
    bool refused = false;

    fiber_spawn(parse_deep, &refused);
    run();
    assert_true(refused);
}

static volatile int depth;

__attribute__((noinline)) static int recurse(int n)
{
    volatile char frame[1024];

    frame[0] = (char)n;
    depth = n;
    return n < INT32_MAX ? recurse(n + 1) + frame[0] : 0;
}

static void run_away(void *arg)
{
    recurse(0);
}

static void overflow(void)
{
    signal(SIGSEGV, SIG_DFL); /* cmocka has a handler of its own */
    process_init("overflow");
    fiber_spawn(run_away, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void the_guard_page_reports_an_overflow(void **state)
{
    char text[2048];

    assert_true(unit_died(unit_run_in_child(overflow, text, sizeof text)));
    assert_true(strstr(text, "fiber stack overflow") || strstr(text, "stack-overflow"));
}

static void await_on_the_main_stack(void)
{
    struct fiber_wait wait = {0};

    fiber_await(&wait, 1);
}

static void resume_elsewhere(void *arg)
{
    fiber_resume(arg);
}

static void resume_from_a_thread(void)
{
    static struct fiber_wait wait;
    uv_thread_t thread;

    uv_thread_create(&thread, resume_elsewhere, &wait);
    uv_thread_join(&thread);
}

static void end_with_a_sleeper(void)
{
    static struct call call;

    fiber_spawn(await_call, &call);
    uv_run(loop, UV_RUN_NOWAIT);
    fiber_fini();
}

static void misuse_aborts(void **state)
{
    static void (*const cases[])(void) = {await_on_the_main_stack, resume_from_a_thread,
                                          end_with_a_sleeper};
    char text[2048];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(unit_died(unit_run_in_child(cases[i], text, sizeof text)));
        assert_non_null(strstr(text, "Assertion"));
    }
}

/* Looking for uses after return, AddressSanitizer would keep the bytes on its own heap. */
__attribute__((no_sanitize("address"))) static void use_stack(void *arg)
{
    volatile char bytes[3500];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 1;
    fiber_sleep(1);
}

static void end_after_use(void)
{
    log_init("test", LOG_DEBUG);
    fiber_spawn(use_stack, NULL);
    run();
    loop_fini();
}

static void painted_stacks_tell_the_high_water_mark(void **state)
{
    char text[2048];

    assert_false(unit_died(unit_run_in_child(end_after_use, text, sizeof text)));
    const char *used = strstr(text, "\"most_bytes\":");
#ifdef UNIT_DEBUG
    assert_non_null(used);
    assert_in_range(strtoul(strchr(used, ':') + 1, NULL, 10), 3500, 32 << 10);
#else
    assert_null(used);
#endif
}

static void nothing_keeps_the_loop_alive(void **state)
{
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    fiber_spawn(say_name, names[0]);
    run();
    assert_false(uv_loop_alive(loop));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spawning_only_queues),
        TEST(resuming_never_switches),
        TEST(resuming_from_a_fiber_never_switches),
        TEST(awaiting_what_is_done_returns_at_once),
        TEST(resuming_early_and_twice_is_harmless),
        TEST(a_timeout_ends_the_wait),
        TEST(timeout_and_resume_in_one_turn),
        TEST(a_wait_that_ended_leaves_nothing_behind),
        TEST(what_becomes_ready_in_a_batch_runs_a_turn_later),
        TEST(the_pool_has_a_bound_and_stacks_are_reused),
        TEST(a_stack_is_used_again),
        TEST(locals_survive),
        TEST(deep_json_fits_the_stack),
        TEST(the_guard_page_reports_an_overflow),
        TEST(misuse_aborts),
        TEST(painted_stacks_tell_the_high_water_mark),
        TEST(nothing_keeps_the_loop_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
