/* state_fixture.h: runs a piece of straight-line work against a real, empty Redis server: a loop, a
 * state and a fiber per call. Includes the server's fixture, so it stands in one file per program.
 */
#pragma once

#include "redis_fixture.c"
#include "unit.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/memory.h"
#include "records.h"
#include "state/id.h"
#include "state/record.h"
#include "state/secret.h"
#include "state/state.h"

typedef void state_test(struct task *task, struct state *state);

struct state_run {
    state_test *fn;
    unsigned partitions;
    struct state *state;
};

static void state_run_task(struct task *task, void *arg)
{
    struct state_run *run = arg;

    assert_int_equal(state_wait(task, run->state, run->partitions, 5000, STATE_TELL_AFTER_MS), OK);
    assert_int_equal(run->state->partitions, run->partitions);
    run->fn(task, run->state);
    state_close(run->state);
}

static inline void state_run_test(void **arg)
{
    struct state_run *run = *arg;

    loop_init(64);
    redis_fixture_command("FLUSHALL");
    run->state = state_open(redis_fixture_url(), redis_fixture_url());
    assert_non_null(run->state);
    assert_true(task_spawn(state_run_task, run));
    uv_run(loop_get(), UV_RUN_DEFAULT);
    assert_int_equal(fiber_count(), 0);
    assert_true(loop_fini());
}

/* For tests that do something around it. */
static inline void with_state(unsigned partitions, state_test *fn)
{
    struct state_run run = {.fn = fn, .partitions = partitions};
    void *arg = &run;

    state_run_test(&arg);
}

/* The id of a new account in that partition, which has no names. */
static inline struct slice account_in(struct task *task, struct state *state, unsigned partition,
                                      bool admin)
{
    struct account account = {.id = id_new(task->arena, SLICE("user_"), partition),
                              .partition = partition,
                              .is_admin = admin,
                              .is_active = true};
    struct commit *commit = commit_new(task, state, partition);

    record_create(commit, &account);
    assert_int_equal(commit_send(commit), OK);
    return account.id;
}

/* A row of a program's table of tests: fn with a state of so many partitions. */
#define STATE_TEST(parts, test)                                                                    \
    {                                                                                              \
        .name = #test " in " #parts, .test_func = state_run_test,                                  \
        .initial_state = &(struct state_run){.fn = (test), .partitions = (parts)},                 \
    }

/* Waits, on a fiber, until the condition holds; fails the test after 10 s. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        uint64_t wait_until_ms = clock_ms() + 10000;                                               \
        while (!(condition)) {                                                                     \
            assert_true(clock_ms() < wait_until_ms);                                               \
            fiber_sleep(5);                                                                        \
        }                                                                                          \
    } while (0)

static int start_server(void **unused)
{
    struct seal_key key = {.bytes = "a key for tests"};

    crypto_init();
    seal_key_name(&key);
    secret_use(&key);
    redis_fixture_start();
    return 0;
}

static int stop_server(void **unused)
{
    redis_fixture_stop();
    return 0;
}
