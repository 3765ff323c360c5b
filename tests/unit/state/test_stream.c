/* The reader of the streams: order, what it does when history is not the one it knew. */
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/commit.h"
#include "state/stream.h"

#include <string.h>

enum { SEEN_MAX = 4096 };

struct seen {
    struct stream *stream;
    struct {
        unsigned partition;
        uint64_t offset;
        char id[40];
    } events[SEEN_MAX];
    size_t n;
    unsigned forks, fork_partition;
    struct head fork_head;
    uint64_t canary_ms;
};

static void on_event(void *arg, const struct event *event)
{
    struct seen *seen = arg;

    assert_true(seen->n < SEEN_MAX && event->id.n < sizeof seen->events[0].id);
    seen->events[seen->n].partition = event->partition;
    seen->events[seen->n].offset = event->offset;
    memcpy(seen->events[seen->n].id, event->id.p, event->id.n);
    seen->n++;
    assert_int_equal(event->type, EVENT_MEDIA_UPLOADED);
    assert_true(slice_starts_with(event->body, SLICE("{\"event\":\"media.uploaded\"")));
    assert_int_equal(stream_head(seen->stream, event->partition)->offset, event->offset);
    assert_string_equal(stream_head(seen->stream, event->partition)->hash, event->hash);
}

static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    struct seen *seen = arg;

    seen->forks++;
    seen->fork_partition = partition;
    seen->fork_head = *head;
}

static void on_canary(void *arg, uint64_t written_ms)
{
    struct seen *seen = arg;

    seen->canary_ms = written_ms;
}

static struct seen *open_reader(struct state *state, const struct position *from)
{
    struct seen *seen = MEM_NEW(struct seen);
    struct stream_handlers handlers = {
        .arg = seen, .on_event = on_event, .on_fork = on_fork, .on_canary = on_canary};

    seen->stream = stream_open(state, from, &handlers);
    assert_non_null(seen->stream);
    WAIT_UNTIL(stream_started(seen->stream));
    return seen;
}

static void close_reader(struct state *state, struct seen *seen)
{
    size_t fibers = fiber_count();

    stream_close(seen->stream);
    stream_canary_write(state); /* ends the read that it waits in */
    WAIT_UNTIL(fiber_count() < fibers);
    mem_free(seen);
}

static void emit(struct task *task, struct state *state, unsigned partition)
{
    struct commit *commit = commit_new(task, state, partition);
    struct event event = {.type = EVENT_MEDIA_UPLOADED,
                          .owner = SLICE("user_x"),
                          .resource = SLICE("media_y"),
                          .resource_type = SLICE("image")};

    commit_event(commit, &event);
    assert_int_equal(commit_send(commit), OK);
}

static void emit_many(struct task *task, struct state *state, unsigned partition, unsigned n)
{
    struct commit *commit = commit_new(task, state, partition);

    for (unsigned i = 0; i < n; i++) {
        struct event event = {.type = EVENT_MEDIA_UPLOADED, .resource = SLICE("media_y")};

        commit_event(commit, &event);
    }
    assert_int_equal(commit_send(commit), OK);
}

static void order(struct task *task, struct state *state)
{
    enum { ROUNDS = 300 };
    struct seen *seen;
    uint64_t next[8] = {0};

    for (unsigned p = 0; p < state->partitions; p++)
        emit(task, state, p); /* before the reader: not for it */
    seen = open_reader(state, NULL);
    for (unsigned p = 0; p < state->partitions; p++)
        next[p] = stream_head(seen->stream, p)->offset;
    for (unsigned i = 0; i < ROUNDS; i++)
        for (unsigned p = 0; p < state->partitions; p++)
            emit(task, state, p);
    WAIT_UNTIL(seen->n == (size_t)ROUNDS * state->partitions);
    for (size_t i = 0; i < seen->n; i++)
        assert_int_equal(seen->events[i].offset, ++next[seen->events[i].partition]);

    uint64_t before_ms = clock_unix_ms();
    stream_canary_write(state);
    WAIT_UNTIL(seen->canary_ms);
    assert_true(seen->canary_ms >= before_ms && seen->canary_ms <= clock_unix_ms());
    assert_int_equal(seen->forks, 0);
    close_reader(state, seen);
}

/* More than one read's worth, from a position in the middle. */
static void from_position(struct task *task, struct state *state)
{
    struct position position = {.partitions = state->partitions};
    struct seen *seen;

    seen = open_reader(state, NULL);
    for (unsigned p = 0; p < state->partitions; p++)
        emit_many(task, state, p, 50);
    WAIT_UNTIL(seen->n == 50 * state->partitions);
    position.heads = ARENA_ARRAY(task->arena, struct head, state->partitions);
    for (unsigned p = 0; p < state->partitions; p++)
        position.heads[p] = *stream_head(seen->stream, p);
    close_reader(state, seen);

    for (unsigned p = 0; p < state->partitions; p++)
        emit_many(task, state, p, 1200);
    seen = open_reader(state, &position);
    WAIT_UNTIL(seen->n == 1200 * state->partitions);
    assert_int_equal(seen->forks, 0);
    assert_int_equal(seen->events[0].offset, 51);
    close_reader(state, seen);
}

static void expect_fork(struct task *task, struct state *state, struct seen *seen,
                        unsigned partition, uint64_t offset)
{
    size_t n = seen->n;

    WAIT_UNTIL(seen->forks == 1);
    assert_int_equal(seen->fork_partition, partition);
    assert_int_equal(seen->fork_head.offset, offset);
    /* And goes on from there. */
    emit(task, state, partition);
    WAIT_UNTIL(seen->n == n + 1);
    assert_int_equal(seen->events[n].offset, offset + 1);
    assert_int_equal(seen->forks, 1);
}

/* Everything is gone, and nobody writes: noticed by the comparison. */
static void flushed(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);

    emit(task, state, 0);
    WAIT_UNTIL(seen->n == 1);
    hand_lose_history();
    expect_fork(task, state, seen, 0, 0);
    close_reader(state, seen);
}

/* A new history grows past the old one before anybody compares: its chain is another one. */
static void overtaken(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);

    emit(task, state, 0);
    emit(task, state, 0);
    WAIT_UNTIL(seen->n == 2);
    hand_lose_history();
    emit_many(task, state, 0, 5);
    expect_fork(task, state, seen, 0, 5);
    close_reader(state, seen);
}

/* The server comes back without its newest entries, as after a failover: same epoch. */
static void lost_tail(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);
    struct head two;

    emit_many(task, state, 0, 2);
    WAIT_UNTIL(seen->n == 2);
    two = *stream_head(seen->stream, 0);
    emit_many(task, state, 0, 3);
    WAIT_UNTIL(seen->n == 5);
    hand_set_back(task, state, &two);
    expect_fork(task, state, seen, 0, 2);
    close_reader(state, seen);
}

/* The same, but new entries take the lost ones' offsets at once and go past them. */
static void lost_tail_overtaken(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);
    struct head two;

    emit_many(task, state, 0, 2);
    WAIT_UNTIL(seen->n == 2);
    two = *stream_head(seen->stream, 0);
    emit_many(task, state, 0, 3);
    WAIT_UNTIL(seen->n == 5);
    hand_set_back(task, state, &two);
    emit_many(task, state, 0, 6);
    expect_fork(task, state, seen, 0, 8);
    close_reader(state, seen);
}

/* And: the new history stands at the very offset that was read. */
static void lost_tail_replaced(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);
    struct head two;

    emit_many(task, state, 0, 2);
    WAIT_UNTIL(seen->n == 2);
    two = *stream_head(seen->stream, 0);
    emit_many(task, state, 0, 3);
    WAIT_UNTIL(seen->n == 5);
    hand_set_back(task, state, &two);
    emit_many(task, state, 0, 3);
    expect_fork(task, state, seen, 0, 5);
    close_reader(state, seen);
}

/* A crash that loses nothing is no fork, whatever happens while the server is away. */
static void crash(struct task *task, struct state *state)
{
    struct seen *seen = open_reader(state, NULL);

    emit_many(task, state, 0, 10);
    WAIT_UNTIL(seen->n == 10);
    for (unsigned i = 0; i < 3; i++) {
        redis_fixture_kill();
        WAIT_UNTIL(!stream_started(seen->stream));
        redis_fixture_again();
        WAIT_UNTIL(state_ready(state));
        emit_many(task, state, 0, 10);
    }
    WAIT_UNTIL(seen->n == 40);
    for (size_t i = 0; i < seen->n; i++)
        assert_int_equal(seen->events[i].offset, i + 1);
    assert_int_equal(seen->forks, 0);
    close_reader(state, seen);
}

static void reading(struct task *task, struct state *state)
{
    unsigned last = state->partitions - 1;
    struct seen *seen = open_reader(state, NULL);
    struct head start = *stream_head(seen->stream, last), now, wrong;
    struct event *events;
    size_t n;

    assert_int_equal(stream_read(task, state, last, &start, 10, &events, &n), OK);
    assert_int_equal(n, 0);
    emit_many(task, state, last, 30);
    WAIT_UNTIL(seen->n == 30);
    now = *stream_head(seen->stream, last);
    assert_int_equal(stream_read(task, state, last, &start, 10, &events, &n), OK);
    assert_int_equal(n, 10);
    assert_int_equal(events[9].offset, 10);
    struct head ten = {start.epoch, 10, ""};
    memcpy(ten.hash, events[9].hash, sizeof ten.hash);
    assert_int_equal(stream_read(task, state, last, &ten, 500, &events, &n), OK);
    assert_int_equal(n, 20);
    assert_string_equal(events[19].hash, now.hash);
    assert_true(slice_eq(events[0].id, slice_from(seen->events[10].id)));
    assert_int_equal(stream_read(task, state, last, &now, 500, &events, &n), OK);
    assert_int_equal(n, 0);

    wrong = ten, wrong.hash[3] ^= 1;
    assert_int_equal(stream_read(task, state, last, &wrong, 10, &events, &n), ERR_CONFLICT);
    wrong = now, wrong.hash[3] ^= 1;
    assert_int_equal(stream_read(task, state, last, &wrong, 10, &events, &n), ERR_CONFLICT);
    wrong = now, wrong.offset++;
    assert_int_equal(stream_read(task, state, last, &wrong, 10, &events, &n), ERR_CONFLICT);
    wrong = ten, wrong.epoch++;
    assert_int_equal(stream_read(task, state, last, &wrong, 10, &events, &n), ERR_CONFLICT);

    /* Trimmed: entry 11 is still there, so 10 can be continued and 9 cannot. */
    hand_trim(task, state, last, 11);
    assert_int_equal(stream_read(task, state, last, &ten, 1, &events, &n), OK);
    assert_int_equal(stream_read(task, state, last, &start, 1, &events, &n), ERR_NOT_FOUND);
    hand_trim(task, state, last, UINT64_MAX);
    assert_int_equal(stream_read(task, state, last, &ten, 1, &events, &n), ERR_NOT_FOUND);
    assert_int_equal(stream_read(task, state, last, &now, 1, &events, &n), OK);
    close_reader(state, seen);
}

static void test_positions(void **unused)
{
    struct arena *arena = arena_new();
    struct head heads[3] = {
        {UINT64_C(1795000000123456), 0, "0123456789abcdef"},
        {1, 127, "ffffffffffffffff"},
        {UINT64_MAX, UINT64_MAX, "0000000000000000"},
    };
    struct position position = {3, heads}, got;
    struct slice text = position_format(arena, &position);

    assert_true(position_parse(arena, text, 3, &got));
    assert_int_equal(got.partitions, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got.heads[i].epoch == heads[i].epoch);
        assert_true(got.heads[i].offset == heads[i].offset);
        assert_string_equal(got.heads[i].hash, heads[i].hash);
    }
    assert_false(position_parse(arena, text, 2, &got));
    assert_false(position_parse(arena, SLICE(""), 3, &got));
    assert_false(position_parse(arena, SLICE("AQ"), 1, &got));
    assert_false(position_parse(arena, SLICE("not a position!"), 1, &got));
    for (size_t n = 0; n < text.n; n++)
        assert_false(position_parse(arena, (struct slice){text.p, n}, 3, &got));
    assert_false(position_parse(arena, arena_printf(arena, "%.*sAA", SLICE_ARG(text)), 3, &got));

    position.partitions = 1;
    assert_true(position_format(arena, &position).n <= 32);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        STATE_TEST(1, order),
        STATE_TEST(3, order),
        STATE_TEST(1, from_position),
        STATE_TEST(3, from_position),
        STATE_TEST(1, flushed),
        STATE_TEST(3, flushed),
        STATE_TEST(1, overtaken),
        STATE_TEST(1, lost_tail),
        STATE_TEST(1, lost_tail_overtaken),
        STATE_TEST(1, lost_tail_replaced),
        STATE_TEST(1, crash),
        STATE_TEST(1, reading),
        STATE_TEST(3, reading),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
