/* Whose turn it is, when many ask at once. */
#include "unit.h"

#include "base/crypto.h"
#include "base/loop.h"
#include "base/turns.h"

#include <stdio.h>
#include <string.h>

enum { ASKERS_MAX = TURNS_ALL + 64 };

struct asker {
    char source[16], group[16];
    bool known;
    enum err err;
    unsigned place; /* in the order of turns; 0: had none */
    struct task *task;
};

static struct turns *turns;
static struct asker askers[ASKERS_MAX];
static size_t asked;
static unsigned served;

static void ask(struct task *task, void *arg)
{
    struct asker *asker = arg;

    asker->task = task;
    asker->err = turns_take(
        task, turns,
        &(struct turns_asker){slice_from(asker->source), slice_from(asker->group), asker->known});
    if (asker->err != OK)
        return;
    asker->place = ++served;
    fiber_sleep(1);
    turns_end(turns);
}

/* Of a group of its own, or with `group` others. */
static struct asker *spawn_of(const char *group, const char *name, unsigned n)
{
    struct asker *asker = &askers[asked++];

    *asker = (struct asker){.err = OK};
    snprintf(asker->source, sizeof asker->source, "%s %u", name, n);
    snprintf(asker->group, sizeof asker->group, "%s", group ? group : asker->source);
    assert_true(task_spawn(ask, asker));
    return asker;
}

static struct asker *spawn(const char *name, unsigned n)
{
    return spawn_of(NULL, name, n);
}

static void run(void)
{
    while (fiber_count() > 0)
        uv_run(loop_get(), UV_RUN_ONCE);
    assert_int_equal(turns_waiting(turns), 0);
}

static int begin(void **state)
{
    turns = turns_new();
    asked = served = 0;
    return 0;
}

static int end(void **state)
{
    turns_free(turns);
    return 0;
}

static void one_source_holds_another_up_by_one_turn(void **state)
{
    for (unsigned i = 0; i < 40; i++)
        spawn("crowd", 0);
    struct asker *other = spawn("other", 0);

    run();
    assert_int_equal(served, 41);
    assert_in_range(other->place, 1, 3);
}

static void every_source_comes_in_its_order(void **state)
{
    for (unsigned i = 0; i < 60; i++)
        spawn("source", i % 20);
    run();
    assert_int_equal(served, 60);
    for (unsigned i = 1; i < 20; i++)
        assert_in_range(askers[i].place, i, i + 2);
}

static void a_doubtful_crowd_holds_a_newcomer_up_by_one_turn(void **state)
{
    for (unsigned i = 0; i < 200; i++) {
        struct asker *asker = spawn("guesser", i);

        turns_doubt(turns, slice_from(asker->source), true);
    }
    struct asker *honest = spawn("honest", 0), *pardoned = spawn("pardoned", 0);

    turns_doubt(turns, SLICE("pardoned 0"), true);
    turns_doubt(turns, SLICE("pardoned 0"), false);
    run();
    assert_int_equal(served, 202);
    assert_in_range(honest->place, 1, 6);
    assert_in_range(pardoned->place, 1, 6);
}

static void all_of_a_group_hold_another_up_by_one_turn(void **state)
{
    for (unsigned i = 0; i < 200; i++)
        spawn_of("network", "host", i);
    struct asker *other = spawn("other", 0), *neighbour = spawn_of("network", "host", 201);

    run();
    assert_in_range(other->place, 1, 3);
    assert_int_equal(neighbour->place, 202);
}

static void a_crowd_of_strangers_holds_the_known_up_by_one_turn(void **state)
{
    for (unsigned i = 0; i < 200; i++)
        spawn("stranger", i);
    struct asker *known = spawn("known", 0);

    known->known = true;
    run();
    assert_in_range(known->place, 1, 3);
}

/* A crowd of good ones does not shut the doubtful out either: one may have mistyped. */
static void the_doubtful_have_their_turns(void **state)
{
    for (unsigned i = 0; i < 100; i++)
        spawn("good", i);
    turns_doubt(turns, SLICE("mistyped 0"), true);
    struct asker *doubtful = spawn("mistyped", 0);

    run();
    assert_in_range(doubtful->place, 1, 4);
}

static void the_largest_crowd_gives_up_its_latest(void **state)
{
    unsigned refused = 0;

    for (unsigned i = 0; i < TURNS_EACH + 10; i++)
        spawn("crowd", 0);
    for (unsigned i = 0; i < TURNS_ALL - TURNS_EACH + 30; i++)
        spawn("many", i);
    struct asker *late = spawn("late", 0);
    run();
    for (size_t i = 0; i < asked; i++) {
        bool of_the_crowd = strcmp(askers[i].source, "crowd 0") == 0;

        refused += askers[i].err != OK;
        assert_true(askers[i].err == OK || (of_the_crowd && askers[i].err == ERR_OVERLOADED));
    }
    assert_int_equal(refused + served, asked);
    assert_in_range(served, TURNS_ALL, TURNS_ALL + 1);
    assert_int_equal(late->err, OK);
    assert_int_equal(askers[0].err, OK);
}

static void whoever_has_gone_takes_no_turn(void **state)
{
    spawn("first", 0);
    struct asker *gone = spawn("gone", 0), *next = spawn("next", 0);

    while (turns_waiting(turns) < 2)
        uv_run(loop_get(), UV_RUN_NOWAIT);
    gone->task->cancelled = true;
    run();
    assert_int_equal(gone->err, ERR_OVERLOADED);
    assert_int_equal(next->place, 2);
}

static int setup(void **state)
{
    loop_init(ASKERS_MAX);
    crypto_init();
    return 0;
}

static int teardown(void **state)
{
    return loop_fini() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_source_holds_another_up_by_one_turn, begin, end),
        cmocka_unit_test_setup_teardown(every_source_comes_in_its_order, begin, end),
        cmocka_unit_test_setup_teardown(a_doubtful_crowd_holds_a_newcomer_up_by_one_turn, begin,
                                        end),
        cmocka_unit_test_setup_teardown(all_of_a_group_hold_another_up_by_one_turn, begin, end),
        cmocka_unit_test_setup_teardown(a_crowd_of_strangers_holds_the_known_up_by_one_turn, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_doubtful_have_their_turns, begin, end),
        cmocka_unit_test_setup_teardown(the_largest_crowd_gives_up_its_latest, begin, end),
        cmocka_unit_test_setup_teardown(whoever_has_gone_takes_no_turn, begin, end),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
