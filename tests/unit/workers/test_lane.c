/* Shares of memory, among workers that have nothing but a file in common. */
#include "base/clock.h"
#include "scratch.h"
#include "workers/lane.h"

enum { WORKERS = 3 };
static const uint64_t MIB = 1 << 20;
static const bool no = false;

static struct lane *lanes[WORKERS];

static void open_lanes(uint64_t bytes)
{
    mkdir(scratch_path("run"), 0700);
    for (size_t i = 0; i < WORKERS; i++)
        lanes[i] = lane_open(slice_from(scratch), bytes);
}

static void close_lanes(void)
{
    for (size_t i = 0; i < WORKERS; i++)
        lane_close(lanes[i]);
}

static bool enters(size_t i, uint64_t mib)
{
    return lane_enter(lanes[i], LANE_PICTURE, mib * MIB, &no, 0);
}

static void share(struct task *task, void *arg)
{
    open_lanes(512 * MIB);
    assert_int_equal(lane_most_bytes(lanes[0]), 512 * MIB);
    assert_true(enters(0, 256));
    assert_true(enters(1, 256));
    assert_false(enters(2, 256));
    lane_leave(lanes[0]);
    assert_true(enters(2, 256));
    /* Whose process dies, gives back. */
    lane_close(lanes[1]);
    assert_true(enters(0, 256));
    lane_leave(lanes[0]);
    lane_leave(lanes[2]);
    lanes[1] = lane_open(slice_from(scratch), 512 * MIB);
    assert_true(enters(1, 512));
    assert_false(enters(0, 64));
    lane_leave(lanes[1]);
    assert_true(enters(0, 512));
    lane_leave(lanes[0]);
    close_lanes();
}

static void test_the_sum_is_kept(void **state)
{
    run_on_fiber(share, NULL);
}

struct waiter {
    size_t lane;
    uint64_t mib;
    enum lane_kind kind;
    bool entered;
    struct fiber_wait over;
};

static void wait_for_share(struct task *task, void *arg)
{
    struct waiter *waiter = arg;

    waiter->entered = lane_enter(lanes[waiter->lane], waiter->kind, waiter->mib * MIB, &no, 20000);
    fiber_resume(&waiter->over);
}

static void wait_and_pass(struct task *task, void *arg)
{
    struct waiter large = {.lane = 1, .mib = 448, .kind = LANE_PICTURE};

    open_lanes(512 * MIB);
    assert_true(enters(0, 256));
    assert_true(task_spawn(wait_for_share, &large));
    fiber_sleep(100);
    assert_false(large.entered);
    /* Nobody new goes past it, though there would be room. */
    assert_false(enters(2, 64));
    lane_leave(lanes[0]);
    fiber_await(&large.over, FIBER_FOREVER);
    assert_true(large.entered);
    assert_true(enters(2, 64));
    lane_leave(lanes[1]);
    lane_leave(lanes[2]);
    close_lanes();
}

static void test_who_gathers_is_not_overtaken(void **state)
{
    run_on_fiber(wait_and_pass, NULL);
}

static void transcode_waits(struct task *task, void *arg)
{
    struct waiter long_one = {.lane = 1, .mib = 512, .kind = LANE_TRANSCODE};

    open_lanes(512 * MIB);
    assert_true(enters(0, 256));
    assert_true(task_spawn(wait_for_share, &long_one));
    fiber_sleep(100);
    assert_true(enters(2, 256));
    lane_leave(lanes[2]);
    lane_leave(lanes[0]);
    fiber_await(&long_one.over, FIBER_FOREVER);
    assert_true(long_one.entered);
    lane_leave(lanes[1]);
    close_lanes();
}

static void test_nobody_waits_behind_a_transcode(void **state)
{
    run_on_fiber(transcode_waits, NULL);
}

static void one_big(struct task *task, void *arg)
{
    bool called_off = true;

    open_lanes(8192 * MIB);
    assert_true(enters(0, 1024));
    assert_false(enters(1, 600));
    assert_true(enters(1, 512));
    assert_true(lane_enter(lanes[2], LANE_TRANSCODE, 2048 * MIB, &no, 0));
    lane_leave(lanes[2]);
    lane_leave(lanes[0]);
    assert_true(enters(2, 600));
    assert_false(lane_enter(lanes[0], LANE_PICTURE, 1024 * MIB, &called_off, 60000));
    close_lanes();
}

static void test_one_big_picture_at_a_time(void **state)
{
    run_on_fiber(one_big, NULL);
}

static void alone(struct task *task, void *arg)
{
    struct lane *lane = lane_open(SLICE("/nowhere"), 0);

    assert_true(lane_most_bytes(lane) >= LANE_LEAST_BYTES);
    assert_true(lane_enter(lane, LANE_PICTURE, LANE_LEAST_BYTES, &no, 0));
    lane_leave(lane);
    lane_close(lane);
}

static void test_without_a_folder_it_is_alone(void **state)
{
    run_on_fiber(alone, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sum_is_kept),
        cmocka_unit_test(test_who_gathers_is_not_overtaken),
        cmocka_unit_test(test_nobody_waits_behind_a_transcode),
        cmocka_unit_test(test_one_big_picture_at_a_time),
        cmocka_unit_test(test_without_a_folder_it_is_alone),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
