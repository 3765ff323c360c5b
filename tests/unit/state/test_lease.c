/* Leases: one holder at a time, none for good. */
#include "state_fixture.h"

#include "state/lease.h"

enum { LONG_MS = 60000, SHORT_MS = 30 };

static void give_back(struct task *task, struct state *state, struct slice key, struct slice holder)
{
    lease_keeper_stop(task, lease_keep(state, key, holder, LONG_MS));
}

static void one_holder(struct task *task, struct state *state)
{
    struct slice key = SLICE("lease:a"), us = lease_holder_new(task->arena),
                 them = lease_holder_new(task->arena);

    assert_false(slice_eq(us, them));
    assert_int_equal(lease_take(task, state, key, us, LONG_MS), OK);
    assert_int_equal(lease_take(task, state, key, them, LONG_MS), ERR_CONFLICT);
    assert_int_equal(lease_take(task, state, SLICE("lease:b"), them, LONG_MS), OK);
    assert_int_equal(lease_take(task, state, key, us, LONG_MS), OK); /* renewed */

    give_back(task, state, key, them); /* not theirs */
    assert_int_equal(lease_take(task, state, key, them, LONG_MS), ERR_CONFLICT);
    give_back(task, state, key, us);
    assert_int_equal(lease_take(task, state, key, them, LONG_MS), OK);
}

static int64_t left_ms(struct task *task, struct state *state, struct slice key)
{
    struct redis_value left;

    assert_int_equal(state_command(task, state->volatile_redis, &left, SLICE("PTTL"), key), OK);
    return left.number;
}

/* Renewed for as long as is asked for now, whatever was left. A refusal leaves the holder's alone.
 */
static void renewed(struct task *task, struct state *state)
{
    struct slice key = SLICE("lease:a"), us = SLICE("us");

    assert_int_equal(lease_take(task, state, key, us, LONG_MS), OK);
    assert_in_range(left_ms(task, state, key), 1, LONG_MS);
    assert_int_equal(lease_take(task, state, key, us, 3 * LONG_MS), OK);
    assert_in_range(left_ms(task, state, key), 2 * LONG_MS, 3 * LONG_MS);
    assert_int_equal(lease_take(task, state, key, SLICE("them"), 9 * LONG_MS), ERR_CONFLICT);
    assert_in_range(left_ms(task, state, key), 2 * LONG_MS, 3 * LONG_MS);
    assert_int_equal(lease_take(task, state, key, us, LONG_MS), OK);
    assert_in_range(left_ms(task, state, key), 1, LONG_MS);
}

static void nobody_knows(struct task *task, struct state *state)
{
    redis_fixture_kill();
    WAIT_UNTIL(!redis_ready(state->volatile_redis));
    assert_int_equal(lease_take(task, state, SLICE("lease:a"), SLICE("us"), LONG_MS),
                     ERR_STATE_UNAVAILABLE);
    give_back(task, state, SLICE("lease:a"), SLICE("us"));
    redis_fixture_again();
}

static void ends_by_itself(struct task *task, struct state *state)
{
    struct slice key = SLICE("lease:a"), us = SLICE("us"), them = SLICE("them");

    assert_int_equal(lease_take(task, state, key, us, SHORT_MS), OK);
    WAIT_UNTIL(lease_take(task, state, key, them, LONG_MS) == OK);
    /* Whoever lost it does not get it back by renewing, nor takes it away by giving it back. */
    assert_int_equal(lease_take(task, state, key, us, LONG_MS), ERR_CONFLICT);
    give_back(task, state, key, us);
    assert_int_equal(lease_take(task, state, key, us, LONG_MS), ERR_CONFLICT);
}

/* For long after its first end, and until it is stopped. Its life is longer than a busy machine
 * forgets a process for. */
static void kept(struct task *task, struct state *state)
{
    enum { LIFE_MS = 1000 };
    struct slice key = SLICE("lease:a"), us = SLICE("us"), them = SLICE("them");
    uint64_t until_ms = clock_ms() + 3 * LIFE_MS;

    assert_int_equal(lease_take(task, state, key, us, LIFE_MS), OK);
    struct lease_keeper *keeper = lease_keep(state, key, us, LIFE_MS);
    assert_non_null(keeper);
    while (clock_ms() < until_ms) {
        assert_int_equal(lease_take(task, state, key, them, LONG_MS), ERR_CONFLICT);
        fiber_sleep(LIFE_MS / 10);
    }
    assert_false(lease_lost(keeper));
    lease_keeper_stop(task, keeper);
    assert_int_equal(lease_take(task, state, key, them, LONG_MS), OK);
    lease_keeper_stop(task, NULL);
}

static void lost(struct task *task, struct state *state)
{
    struct slice key = SLICE("lease:a"), them = SLICE("them");

    assert_int_equal(lease_take(task, state, key, them, LONG_MS), OK);
    struct lease_keeper *keeper = lease_keep(state, key, SLICE("us"), SHORT_MS);
    WAIT_UNTIL(lease_lost(keeper));
    lease_keeper_stop(task, keeper); /* leaves it to them */
    assert_int_equal(lease_take(task, state, key, SLICE("us"), LONG_MS), ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, one_holder),   STATE_TEST(1, renewed), STATE_TEST(1, ends_by_itself),
        STATE_TEST(1, nobody_knows), STATE_TEST(1, kept),    STATE_TEST(1, lost),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
