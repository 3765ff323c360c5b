/* Records as rows of fields: to Redis and back, what changed and nothing else, one after the other
 * however many change them at once. */
#include "state_fixture.h"

#include "base/clock.h"
#include "state/record.h"
#include "state/record_shape.h"

#include <stddef.h>
#include <string.h>

enum colour { RED, GREEN };

struct thing {
    unsigned partition;
    uint64_t rev;
    struct slice id, text, passing;
    uint64_t number;
    bool flag;
    enum colour colour;
    struct slice *words;
    size_t word_count;
    struct record_entry *marks;
    size_t mark_count;
};

static const struct slice colours[] = {SLICE_INIT("red"), SLICE_INIT("green")};

static struct slice key_of(struct arena *arena, const void *record)
{
    const struct thing *thing = record;

    return state_key(arena, thing->partition, "thing:%.*s", SLICE_ARG(thing->id));
}

#define AT(member) .offset = offsetof(struct thing, member)

static const struct record_field rows[] = {
    {.name = SLICE_INIT("id"), .type = RECORD_TEXT, .in_key = true, AT(id), .max = 64},
    {.name = SLICE_INIT("text"), .type = RECORD_TEXT, .stored = true, AT(text), .max = 10},
    {.name = SLICE_INIT("passing"), .type = RECORD_TEXT, AT(passing), .max = 10},
    {.name = SLICE_INIT("n"), .type = RECORD_NUMBER, .stored = true, AT(number), .max = 1000},
    {.name = SLICE_INIT("flag"), .type = RECORD_FLAG, .stored = true, AT(flag)},
    {.name = SLICE_INIT("colour"),
     .type = RECORD_ENUM,
     .stored = true,
     AT(colour),
     .names = colours,
     .names_n = 2},
    {.name = SLICE_INIT("words"),
     .type = RECORD_LIST,
     .stored = true,
     AT(words),
     .count_offset = offsetof(struct thing, word_count),
     .max = 3},
    {.name = SLICE_INIT("marks"),
     .type = RECORD_MAP,
     .stored = true,
     AT(marks),
     .count_offset = offsetof(struct thing, mark_count),
     .prefix = SLICE_INIT("m_"),
     .max = 64},
};

static const struct record_shape shape = {
    .name = SLICE_INIT("thing"),
    .size = sizeof(struct thing),
    .fields = rows,
    .n = sizeof rows / sizeof rows[0],
    .key = key_of,
    .partition_offset = offsetof(struct thing, partition),
    .rev_offset = offsetof(struct thing, rev),
};

static struct thing named(const char *id)
{
    return (struct thing){.id = slice_from(id)};
}

static struct thing loaded(struct task *task, struct state *state, const char *id)
{
    struct thing thing = named(id);

    assert_int_equal(record_load_as(task, state, &shape, &thing), OK);
    return thing;
}

static enum err create(struct task *task, struct state *state, struct thing *thing)
{
    struct commit *commit = commit_new(task, state, 0);

    record_create_as(commit, &shape, thing);
    return commit_send(commit);
}

static enum err save(struct task *task, struct state *state, const struct thing *was,
                     struct thing *now)
{
    struct commit *commit = commit_new(task, state, 0);

    record_save_as(commit, &shape, was, now);
    return commit_send(commit);
}

static void set(struct task *task, struct state *state, const char *id, const char *field,
                const char *value)
{
    struct thing thing = named(id);
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("HSET"),
                                   key_of(task->arena, &thing), slice_from(field),
                                   slice_from(value)),
                     OK);
    assert_int_equal(v.type, REDIS_NUMBER);
}

static void there_and_back(struct task *task, struct state *state)
{
    struct slice words[] = {SLICE("a"), SLICE(""), SLICE("c")};
    struct record_entry marks[] = {{SLICE("m_1"), SLICE("x")}, {SLICE("m_2"), SLICE("")}};
    struct thing one = {.id = SLICE("one"),
                        .text = SLICE("\xff\0text"),
                        .passing = SLICE("by"),
                        .number = 1000,
                        .flag = true,
                        .colour = GREEN,
                        .words = words,
                        .word_count = 3,
                        .marks = marks,
                        .mark_count = 2};
    struct thing empty = named("empty"), none = named("none");

    assert_int_equal(create(task, state, &one), OK);
    assert_int_equal(one.rev, 1);
    struct thing got = loaded(task, state, "one");
    assert_int_equal(got.rev, 1);
    assert_true(slice_eq(got.id, one.id) && slice_eq(got.text, one.text));
    assert_true(got.number == 1000 && got.flag && got.colour == GREEN && !got.passing.n);
    assert_int_equal(got.word_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_eq(got.words[i], words[i]));
    assert_int_equal(got.mark_count, 2);
    assert_true(slice_eq(got.marks[0].name, SLICE("m_1")) &&
                slice_eq(got.marks[0].value, SLICE("x")));

    assert_int_equal(create(task, state, &one), ERR_CONFLICT);
    assert_int_equal(create(task, state, &empty), OK);
    got = loaded(task, state, "empty");
    assert_true(!got.text.n && !got.number && !got.flag && got.colour == RED);
    assert_true(got.word_count == 0 && got.mark_count == 0);
    assert_int_equal(record_load_as(task, state, &shape, &none), ERR_NOT_FOUND);

    set(task, state, "one", "colour", "mauve");
    got = named("one");
    assert_int_equal(record_load_as(task, state, &shape, &got), ERR_INTERNAL);
}

/* A save leaves alone what it did not change, whoever has written it. */
static void only_changes(struct task *task, struct state *state)
{
    struct record_entry marks[] = {{SLICE("m_1"), SLICE("x")}, {SLICE("m_2"), SLICE("y")}};
    struct record_entry later[] = {{SLICE("m_2"), SLICE("z")}, {SLICE("m_3"), SLICE("w")}};
    struct thing one = named("one"), now;

    one.marks = marks;
    one.mark_count = 2;
    assert_int_equal(create(task, state, &one), OK);
    set(task, state, "one", "n", "7");
    set(task, state, "one", "stranger", "kept");
    now = one;
    now.text = SLICE("new");
    now.marks = later;
    assert_int_equal(save(task, state, &one, &now), OK);
    assert_int_equal(now.rev, 2);
    struct thing got = loaded(task, state, "one");
    assert_true(slice_eq(got.text, SLICE("new")) && got.number == 7 && got.rev == 2);
    assert_int_equal(got.mark_count, 2);
    assert_true(slice_eq(got.marks[0].name, SLICE("m_2")) &&
                slice_eq(got.marks[0].value, SLICE("z")));
    assert_true(slice_eq(got.marks[1].name, SLICE("m_3")));

    /* No difference is no change. */
    now = got;
    assert_int_equal(save(task, state, &got, &now), OK);
    assert_int_equal(loaded(task, state, "one").rev, 2);
}

static void overtaken(struct task *task, struct state *state)
{
    struct thing one = named("one");

    assert_int_equal(create(task, state, &one), OK);
    struct thing was = loaded(task, state, "one"), a = was, b = was;
    a.number = 1;
    b.flag = true;
    assert_int_equal(save(task, state, &was, &a), OK);
    assert_int_equal(save(task, state, &was, &b), ERR_OVERTAKEN);
    struct thing got = loaded(task, state, "one");
    assert_true(got.number == 1 && !got.flag && got.rev == 2);

    struct commit *commit = commit_new(task, state, 0);
    record_remove_as(commit, &shape, &was);
    assert_int_equal(commit_send(commit), ERR_OVERTAKEN);
    commit = commit_new(task, state, 0);
    record_remove_as(commit, &shape, &got);
    assert_int_equal(commit_send(commit), OK);
    b = got;
    b.flag = true;
    assert_int_equal(save(task, state, &got, &b), ERR_OVERTAKEN);
    assert_int_equal(record_load_as(task, state, &shape, &b), ERR_NOT_FOUND);
}

/* Made before there were revs. */
static void without_rev(struct task *task, struct state *state)
{
    set(task, state, "old", "text", "old");
    struct thing was = loaded(task, state, "old"), a = was, b = was;

    assert_int_equal(was.rev, 0);
    a.number = 1;
    b.flag = true;
    assert_int_equal(save(task, state, &was, &a), OK);
    assert_int_equal(save(task, state, &was, &b), ERR_OVERTAKEN);
    struct thing got = loaded(task, state, "old");
    assert_true(got.rev == 1 && got.number == 1 && slice_eq(got.text, SLICE("old")));

    /* Nothing is there, which has no rev either. */
    was = named("none");
    a = was;
    a.number = 1;
    assert_int_equal(save(task, state, &was, &a), ERR_OVERTAKEN);
    assert_int_equal(record_load_as(task, state, &shape, &was), ERR_NOT_FOUND);
}

static void bounds(struct task *task, struct state *state)
{
    struct slice many[4] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d")};
    struct slice control[1] = {SLICE("a\x1f"
                                     "b")};
    struct thing one = named("one");
    struct thing wrong[4];

    assert_int_equal(create(task, state, &one), OK);
    for (size_t i = 0; i < 4; i++)
        wrong[i] = one;
    wrong[0].text = SLICE("eleven byte");
    wrong[1].number = 1001;
    wrong[2].words = many;
    wrong[2].word_count = 4;
    wrong[3].words = control;
    wrong[3].word_count = 1;
    for (size_t i = 0; i < 4; i++) {
        wrong[i].flag = true;
        assert_int_equal(save(task, state, &one, &wrong[i]), ERR_UNPROCESSABLE);
    }
    assert_false(loaded(task, state, "one").flag);
}

static void many(struct task *task, struct state *state)
{
    enum { MANY = RECORD_CHUNK + 7 };
    struct thing *things = ARENA_ARRAY(task->arena, struct thing, MANY);
    size_t n = MANY;

    for (unsigned i = 0; i < MANY; i++) {
        things[i].id = arena_printf(task->arena, "%u", i);
        things[i].number = i;
        if (i % 3)
            assert_int_equal(create(task, state, &things[i]), OK);
        things[i].number = 0;
    }
    assert_int_equal(record_load_many_as(task, state, &shape, things, &n), OK);
    assert_int_equal(n, MANY - (MANY + 2) / 3);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(things[i].number, i / 2 * 3 + i % 2 + 1);
        assert_true(slice_eq(things[i].id, record_number(task->arena, things[i].number)));
    }
    n = 0;
    assert_int_equal(record_load_many_as(task, state, &shape, things, &n), OK);
}

enum { CROWD = 48 };

struct crowd {
    struct state *state;
    unsigned started, running, good;
};

/* Appends a mark of its own and counts. */
static enum err add_mark(struct commit *commit, const void *was, void *record, void *arg)
{
    struct thing *now = record;
    struct record_entry *marks =
        ARENA_ARRAY(commit_arena(commit), struct record_entry, now->mark_count + 1);

    assert_memory_equal(was, now, sizeof *now);
    if (now->mark_count)
        memcpy(marks, now->marks, now->mark_count * sizeof *marks);
    marks[now->mark_count++] = (struct record_entry){
        arena_printf(commit_arena(commit), "m_%u", *(unsigned *)arg), SLICE("here")};
    now->marks = marks;
    now->number++;
    return OK;
}

static void crowd_task(struct task *task, void *arg)
{
    struct crowd *crowd = arg;
    struct thing one = named("one");
    unsigned mine = crowd->started++;

    crowd->good += record_change_as(task, crowd->state, &shape, &one, add_mark, &mine) == OK;
    crowd->running--;
}

/* Many change one record at the same time: all whose change was taken find it there. */
static void crowd(struct task *task, struct state *state)
{
    struct crowd crowd = {.state = state, .running = CROWD};
    struct thing one = named("one");

    assert_int_equal(create(task, state, &one), OK);
    for (unsigned i = 0; i < CROWD; i++)
        assert_true(task_spawn(crowd_task, &crowd));
    WAIT_UNTIL(crowd.running == 0);
    one = loaded(task, state, "one");
    assert_int_equal(crowd.good, CROWD);
    assert_int_equal(one.number, crowd.good);
    assert_int_equal(one.mark_count, crowd.good);
    assert_int_equal(one.rev, 1 + crowd.good);
}

static enum err refuse(struct commit *commit, const void *was, void *now, void *arg)
{
    ((struct thing *)now)->number = 9;
    return ERR_FORBIDDEN;
}

static enum err never(struct task *task, struct state *state, void *arg)
{
    (*(unsigned *)arg)++;
    return ERR_OVERTAKEN;
}

static void ends(struct task *task, struct state *state)
{
    struct thing one = named("one"), none = named("none");
    unsigned calls = 0;

    assert_int_equal(create(task, state, &one), OK);
    assert_int_equal(record_change_as(task, state, &shape, &one, refuse, NULL), ERR_FORBIDDEN);
    assert_int_equal(loaded(task, state, "one").number, 0);
    assert_int_equal(record_change_as(task, state, &shape, &none, refuse, NULL), ERR_NOT_FOUND);
    uint64_t began_ms = clock_ms();
    assert_int_equal(record_repeat(task, state, never, &calls), ERR_OVERTAKEN);
    assert_true(calls > 1 && clock_ms() - began_ms >= RECORD_PATIENCE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, there_and_back), STATE_TEST(1, only_changes), STATE_TEST(1, overtaken),
        STATE_TEST(1, without_rev),    STATE_TEST(1, bounds),       STATE_TEST(1, many),
        STATE_TEST(1, crowd),          STATE_TEST(1, ends),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
