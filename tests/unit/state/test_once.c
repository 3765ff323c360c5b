/* Keys of clients, against a real server: one thing per key and body, whoever comes when. */
#include "state_fixture.h"

#include "state/once.h"
#include "state/record.h"

static struct once_claim claim_of(struct task *task, const char *principal, const char *key)
{
    struct once_claim claim;

    once_init(&claim, task->arena, 0, slice_from(principal), SLICE("make"), slice_from(key));
    claim.fingerprint = SLICE("of the body");
    return claim;
}

static const struct slice thing = SLICE_INIT("{p0}:thing");

static enum err make(struct task *task, struct state *state, const struct once_claim *claim)
{
    struct commit *commit = commit_new(task, state, 0);

    commit_write(commit, SLICE("SET"), thing, SLICE("1"));
    once_settle(commit, claim, SLICE("thing_1"), thing);
    return commit_send(commit);
}

static void remove_thing(struct task *task, struct state *state)
{
    struct commit *commit = commit_new(task, state, 0);

    commit_write(commit, SLICE("DEL"), thing);
    assert_int_equal(commit_send(commit), OK);
}

static void one_thing(struct task *task, struct state *state)
{
    struct once_claim first = claim_of(task, "ada", "k"), again = claim_of(task, "ada", "k");
    struct once_claim other = claim_of(task, "ada", "l"), stranger = claim_of(task, "bob", "k");

    assert_int_equal(once_begin(task, state, &first), OK);
    assert_int_equal(first.record.made.n, 0);
    assert_int_equal(once_begin(task, state, &again), ERR_CONFLICT);
    assert_int_equal(once_begin(task, state, &other), OK);
    assert_int_equal(once_begin(task, state, &stranger), OK);
    assert_int_equal(make(task, state, &first), OK);

    /* It stands, also before the first has let go. */
    assert_int_equal(once_begin(task, state, &again), OK);
    assert_true(slice_eq(again.record.made, SLICE("thing_1")));
    assert_true(slice_eq(again.record.fingerprint, first.fingerprint));
    assert_false(again.held);
    once_end(state, &first);

    remove_thing(task, state);
    assert_int_equal(once_begin(task, state, &again), OK);
    assert_int_equal(again.record.made.n, 0);
    assert_int_equal(make(task, state, &again), OK);
}

/* Whoever was thought dead comes to its end after all: the commit knows. */
static void overtaken(struct task *task, struct state *state)
{
    struct once_claim slow = claim_of(task, "ada", "k"), quick = claim_of(task, "ada", "k");

    assert_int_equal(once_begin(task, state, &slow), OK);
    once_end(state, &slow);
    assert_int_equal(once_begin(task, state, &quick), OK);
    assert_int_equal(make(task, state, &quick), OK);
    assert_int_equal(make(task, state, &slow), ERR_CONFLICT);
    assert_int_equal(once_begin(task, state, &slow), OK);
    assert_true(slice_eq(slow.record.made, SLICE("thing_1")));
}

static void failed(struct task *task, struct state *state)
{
    struct once_claim first = claim_of(task, "ada", "k"), again = claim_of(task, "ada", "k");

    assert_int_equal(once_begin(task, state, &first), OK);
    once_end(state, &first);
    assert_int_equal(once_begin(task, state, &again), OK);
    assert_int_equal(again.record.made.n, 0);
    once_note(task, state, &again, SLICE("evt_1"), SLICE_NONE);
    assert_int_equal(once_begin(task, state, &first), OK);
    assert_true(slice_eq(first.record.made, SLICE("evt_1")));

    struct redis_value left;
    assert_int_equal(state_command(task, state->durable, &left, SLICE("PTTL"),
                                   record_key(task->arena, &first.record)),
                     OK);
    assert_true(left.number > ONCE_LIFE_MS - 60000 && left.number <= ONCE_LIFE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, one_thing),
        STATE_TEST(3, overtaken),
        STATE_TEST(1, failed),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
