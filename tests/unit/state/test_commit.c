/* Commits: whole or not at all, once however often they are sent, in a chain. */
#include "state_by_hand.h"
#include "state_fixture.h"

#include "base/text.h"
#include "state/commit.h"
#include "state/id.h"

#include <openssl/sha.h>
#include <string.h>

static struct slice get(struct task *task, struct state *state, struct slice key)
{
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("GET"), key), OK);
    return v.text;
}

static uint64_t number(struct task *task, struct state *state, const char *command,
                       struct slice key)
{
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, slice_from(command), key), OK);
    assert_int_equal(v.type, REDIS_NUMBER);
    return (uint64_t)v.number;
}

static struct event some_event(void)
{
    return (struct event){.type = EVENT_MEDIA_UPLOADED,
                          .owner = SLICE("user_x"),
                          .resource = SLICE("media_y"),
                          .resource_type = SLICE("image")};
}

static void whole(struct task *task, struct state *state)
{
    struct slice a = state_key(task->arena, 0, "a"), h = state_key(task->arena, 0, "h");
    struct commit *commit = commit_new(task, state, 0);
    struct event event = some_event();

    commit_write(commit, SLICE("HSET"), h, SLICE("f"), SLICE("1"), SLICE("g"), SLICE("\xff\0x"));
    commit_event(commit, &event);
    commit_require_absent(commit, a);
    commit_write(commit, SLICE("SET"), a, SLICE("v"));
    assert_int_equal(commit_send(commit), OK);
    assert_true(slice_eq(get(task, state, a), SLICE("v")));

    /* Sent again, as after a lost answer: the same result and no second effect. */
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(hand_count_events(task, state, 0), 1);

    /* Another one finds the key there. */
    commit = commit_new(task, state, 0);
    commit_require_field(commit, h, SLICE("f"), SLICE("1"));
    commit_require_absent(commit, a);
    commit_write(commit, SLICE("DEL"), h);
    assert_int_equal(commit_send(commit), ERR_CONFLICT);
    assert_int_equal(commit_failed_check(commit), 1);
    assert_int_equal(number(task, state, "EXISTS", h), 1);

    /* An absent field is as good as an empty one. */
    commit = commit_new(task, state, 0);
    commit_require_field(commit, h, SLICE("none"), SLICE(""));
    commit_require_present(commit, h);
    commit_write(commit, SLICE("HINCRBY"), h, SLICE("f"), SLICE("5"));
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(hand_count_events(task, state, 0), 1);
}

/* Nothing of a commit with one wrong write is there afterwards, wherever it stands. */
static void refused(struct task *task, struct state *state)
{
    struct slice string = state_key(task->arena, 0, "string"), fine = SLICE("{p0}:fine");
    const struct slice wrong[][5] = {
        {SLICE("FLUSHALL"), SLICE("{p0}:x")},
        {SLICE("set"), SLICE("{p0}:x"), SLICE("y")},
        {SLICE("SET"), SLICE("{p1}:x"), SLICE("y")},
        {SLICE("SET"), SLICE("x"), SLICE("y")},
        {SLICE("SET"), SLICE("{p0}:x")},
        {SLICE("DEL"), SLICE("{p0}:x"), SLICE("{p1}:x")},
        {SLICE("HSET"), SLICE("{p0}:x"), SLICE("f")},
        {SLICE("HSET"), string, SLICE("f"), SLICE("v")},
        {SLICE("SADD"), string, SLICE("f")},
        {SLICE("HINCRBY"), SLICE("{p0}:x"), SLICE("f"), SLICE("1.5")},
        {SLICE("ZADD"), SLICE("{p0}:x"), SLICE("high"), SLICE("m")},
        {SLICE("ZADDNX"), SLICE("{p0}:x"), SLICE("1"), SLICE("m"), SLICE("2")},
        {SLICE("PEXPIREAT"), SLICE("{p0}:x"), SLICE("soon")},
        {SLICE("UNREF"), SLICE("{p0}:x"), SLICE("y")},
        {SLICE("COLLECT"), SLICE("{p0}:collection:x"), SLICE("1"), SLICE("m")},
        {SLICE("COLLECT"), SLICE("{p0}:collection:x"), SLICE("now"), SLICE("m"), SLICE("1")},
        {SLICE("COLLECT_PLACE"), SLICE("{p0}:collection:x"), SLICE("1"), SLICE("at"), SLICE("0")},
    };
    struct redis_value v;

    redis_command(task, state->durable, &v, SLICE("SET"), string, SLICE("text"));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct commit *commit = commit_new(task, state, 0);
        struct event event = some_event();
        size_t argc = 0;

        while (argc < 5 && wrong[i][argc].p)
            argc++;
        commit_event(commit, &event);
        commit_write(commit, SLICE("SET"), fine, SLICE("v"));
        commit_writev(commit, wrong[i], argc);
        assert_int_equal(commit_send(commit), ERR_INTERNAL);
    }
    struct commit *commit = commit_new(task, state, 0);
    commit_require_absent(commit, SLICE("{p1}:other"));
    commit_write(commit, SLICE("SET"), fine, SLICE("v"));
    assert_int_equal(commit_send(commit), ERR_INTERNAL);

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("KEYS"), SLICE("*")), OK);
    assert_int_equal(v.n, 2); /* hub:partitions and the string */
}

static void writes(struct task *task, struct state *state)
{
    struct commit *commit = commit_new(task, state, 0);
    struct redis_value v;

    commit_write(commit, SLICE("INCRBY"), SLICE("{p0}:refs"), SLICE("2"));
    commit_write(commit, SLICE("UNREF"), SLICE("{p0}:refs"));
    commit_write(commit, SLICE("ZADD"), SLICE("{p0}:z"), SLICE("5"), SLICE("m"));
    commit_write(commit, SLICE("ZADDNX"), SLICE("{p0}:z"), SLICE("1"), SLICE("m"), SLICE("2"),
                 SLICE("n"));
    commit_write(commit, SLICE("RPUSH"), SLICE("{p0}:l"), SLICE("a"), SLICE("b"));
    commit_write(commit, SLICE("LPUSH"), SLICE("{p0}:l"), SLICE("b"));
    commit_write(commit, SLICE("LREM"), SLICE("{p0}:l"), SLICE("1"), SLICE("b"));
    commit_write(commit, SLICE("SADD"), SLICE("{p0}:s"), SLICE("a"), SLICE("b"));
    commit_write(commit, SLICE("SREM"), SLICE("{p0}:s"), SLICE("a"));
    assert_int_equal(commit_send(commit), OK);
    assert_true(slice_eq(get(task, state, SLICE("{p0}:refs")), SLICE("1")));
    redis_command(task, state->durable, &v, SLICE("ZSCORE"), SLICE("{p0}:z"), SLICE("m"));
    assert_true(slice_eq(v.text, SLICE("5")));
    assert_int_equal(number(task, state, "ZCARD", SLICE("{p0}:z")), 2);
    assert_int_equal(number(task, state, "LLEN", SLICE("{p0}:l")), 2);
    assert_int_equal(number(task, state, "SCARD", SLICE("{p0}:s")), 1);

    /* The last reference takes the counter with it. */
    commit = commit_new(task, state, 0);
    commit_write(commit, SLICE("UNREF"), SLICE("{p0}:refs"));
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(number(task, state, "EXISTS", SLICE("{p0}:refs")), 0);

    /* As many writes as a commit may have. */
    commit = commit_new(task, state, 0);
    for (unsigned i = 0; i < COMMIT_MAX_WRITES; i++)
        commit_write(commit, SLICE("RPUSH"), SLICE("{p0}:many"), SLICE("x"));
    assert_int_equal(commit_send(commit), OK);
    assert_int_equal(number(task, state, "LLEN", SLICE("{p0}:many")), COMMIT_MAX_WRITES);
}

static void of_sorted_sets(struct task *task, struct state *state)
{
    struct slice z = SLICE("{p0}:z");
    struct commit *commit = commit_new(task, state, 0);

    /* One that is not there is empty. */
    commit_require_places(commit, z, 2, 2);
    commit_write(commit, SLICE("ZADD"), z, SLICE("1"), SLICE("a"), SLICE("0"), SLICE("b"));
    assert_int_equal(commit_send(commit), OK);

    commit = commit_new(task, state, 0);
    commit_require_places(commit, z, 1, 2);
    commit_write(commit, SLICE("ZADD"), z, SLICE("1"), SLICE("c"));
    assert_int_equal(commit_send(commit), ERR_QUOTA);

    /* Also where its score is 0; of two that fail the first one says why. */
    commit = commit_new(task, state, 0);
    commit_require_member(commit, z, SLICE("b"), ERR_VALIDATION);
    commit_require_member(commit, z, SLICE("c"), ERR_NOT_FOUND);
    commit_require_member(commit, z, SLICE("d"), ERR_VALIDATION);
    commit_write(commit, SLICE("ZREM"), z, SLICE("b"));
    assert_int_equal(commit_send(commit), ERR_NOT_FOUND);
    assert_int_equal(commit_failed_check(commit), 1);
    assert_int_equal(number(task, state, "ZCARD", z), 2);
}

static void next_hash(char hash[17], struct slice id)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct arena *arena = arena_new();
    struct slice text = arena_printf(arena, "%s%.*s", hash, SLICE_ARG(id));

    SHA1((const unsigned char *)text.p, text.n, digest);
    memcpy(hash, text_hex(arena, digest, 8).p, 16);
    hash[16] = '\0';
    arena_free(arena);
}

static void chain(struct task *task, struct state *state)
{
    unsigned partition = state->partitions - 1;
    struct commit *commit = commit_new(task, state, partition);
    struct event list[3];
    struct redis_value head, entries;
    char hash[17] = "";

    for (size_t i = 0; i < COUNT_OF(list); i++) {
        list[i] = some_event();
        list[i].changes = SLICE("{\"a\":1}");
        commit_event(commit, &list[i]);
    }
    assert_int_equal(commit_send(commit), OK);
    head = hand_head(task, state, partition);
    entries = hand_events(task, state, partition);
    assert_int_equal(entries.n, 3);
    next_hash(hash, redis_field(&head, SLICE("epoch")));
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        const struct redis_value *fields = &entries.items[i].items[1];
        unsigned home;

        assert_true(id_parse(list[i].id, SLICE("evt_"), state->partitions, &home));
        assert_int_equal(home, partition);
        next_hash(hash, list[i].id);
        assert_true(
            slice_eq(entries.items[i].items[0].text, arena_printf(task->arena, "%zu-0", i + 1)));
        assert_true(slice_eq(redis_field(fields, SLICE("hash")), slice_from(hash)));
        assert_true(slice_eq(redis_field(fields, SLICE("id")), list[i].id));
        assert_true(slice_eq(redis_field(fields, SLICE("type")), SLICE("media.uploaded")));
        assert_true(slice_eq(redis_field(fields, SLICE("body")), list[i].body));
        assert_true(slice_eq(redis_field(fields, SLICE("changes")), list[i].changes));
    }
    assert_true(slice_eq(redis_field(&head, SLICE("hash")), slice_from(hash)));
    assert_true(slice_eq(redis_field(&head, SLICE("offset")), SLICE("3")));
}

static void full(struct task *task, struct state *state)
{
    struct commit *commit = commit_new(task, state, 0);
    struct event event = some_event();

    redis_fixture_command("CONFIG SET appendonly no");
    hand_add_empty_events(task, state, 1000000);
    assert_int_equal(hand_count_events(task, state, 0), 1000000);
    commit_event(commit, &event);
    commit_write(commit, SLICE("SET"), SLICE("{p0}:a"), SLICE("v"));
    assert_int_equal(commit_send(commit), ERR_STATE_UNAVAILABLE);
    assert_int_equal(number(task, state, "EXISTS", SLICE("{p0}:a")), 0);
}

static void server_refuses(struct task *task, struct state *state)
{
    struct commit *commit = commit_new(task, state, 0);
    uint64_t start_ms = clock_ms();

    assert_true(state_has_memory(task, state));
    redis_fixture_command("CONFIG SET maxmemory 1");
    commit_write(commit, SLICE("SET"), SLICE("{p0}:a"), SLICE("v"));
    assert_int_equal(commit_send(commit), ERR_STORAGE_FULL);
    assert_int_equal(number(task, state, "EXISTS", SLICE("{p0}:a")), 0);
    assert_true(clock_ms() - start_ms < 1000);
    assert_false(state_has_memory(task, state));

    struct commit *freeing = commit_new(task, state, 0);
    commit_allow_full(freeing);
    commit_write(freeing, SLICE("SET"), SLICE("{p0}:b"), SLICE("v"));
    assert_int_equal(commit_send(freeing), OK);

    redis_fixture_command("CONFIG SET maxmemory 0");
    assert_int_equal(commit_send(commit), OK);
}

struct storm {
    struct state *state;
    bool stop;
    unsigned running, good, refused;
};

static void storm_task(struct task *task, void *arg)
{
    struct storm *storm = arg;

    while (!storm->stop) {
        struct commit *commit = commit_new(task, storm->state, 0);
        struct event event = some_event();
        enum err err;

        commit_event(commit, &event);
        commit_write(commit, SLICE("HINCRBY"), SLICE("{p0}:storm"), SLICE("n"), SLICE("1"));
        commit_write(commit, SLICE("HSET"), SLICE("{p0}:storm"), event.id, SLICE("1"));
        err = commit_send(commit);
        assert_true(err == OK || err == ERR_STATE_UNAVAILABLE);
        storm->good += err == OK;
        storm->refused += err != OK;
        arena_reset(task->arena);
        fiber_sleep(err == OK ? 1 : 10);
    }
    storm->running--;
}

/* The server dies in mid-load, again and again: every commit that was under way is asked for again,
 * none is lost, none is made twice. */
static void server_dies(struct task *task, struct state *state)
{
    struct storm storm = {.state = state, .running = 16};
    struct redis_value v;
    uint64_t n = 0;

    for (unsigned i = 0; i < storm.running; i++)
        assert_true(task_spawn(storm_task, &storm));
    for (unsigned round = 0; round < 5; round++) {
        unsigned before = storm.good;

        WAIT_UNTIL(storm.good > before + 100);
        redis_fixture_kill();
        WAIT_UNTIL(!state_ready(state));
        redis_fixture_again();
        WAIT_UNTIL(state_ready(state));
    }
    storm.stop = true;
    WAIT_UNTIL(storm.running == 0);
    redis_command(task, state->durable, &v, SLICE("HGET"), SLICE("{p0}:storm"), SLICE("n"));
    assert_true(slice_to_u64(v.text, &n));
    /* A commit refused without having been sent is not there; one that was sent always is. */
    assert_int_equal(n, storm.good);
    assert_int_equal(hand_count_events(task, state, 0), n);
    assert_int_equal(number(task, state, "HLEN", SLICE("{p0}:storm")), n + 1);
}

static void test_ids(void **unused)
{
    struct arena *arena = arena_new();
    struct slice prefix = SLICE("media_");
    static const char *const wrong[] = {
        "",
        "media_",
        "media_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "media_01ARZ3NDEK00V4RRFFQ69G5FAVX",
        "media_81ARZ3NDEK00V4RRFFQ69G5FAV",
        "media_01ARZ3NDEK00V4RRFFQ69G5FAU",
        "media_01arz3ndek00v4rrffq69g5fav",
        "media_01ARZ3NDEK03V4RRFFQ69G5FAV",
        "user_01ARZ3NDEK00V4RRFFQ69G5FAV",
    };
    unsigned partition;

    assert_true(id_parse(SLICE("media_01ARZ3NDEK02V4RRFFQ69G5FAV"), prefix, 3, &partition));
    assert_int_equal(partition, 2);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(id_parse(slice_from(wrong[i]), prefix, 3, &partition));
    for (unsigned i = 0; i <= PARTITION_MAX; i++) {
        struct slice id = id_new(arena, prefix, i);

        assert_true(id_parse(id, prefix, PARTITION_MAX + 1, &partition));
        assert_int_equal(partition, i);
        assert_false(id_parse(id, prefix, i, &partition));
        assert_false(slice_eq(id, id_new(arena, prefix, i)));
    }
    /* Sortable by time: the first ten characters are the milliseconds. */
    struct slice early = id_new(arena, prefix, 1);
    uint64_t then_ms = clock_unix_ms();
    while (clock_unix_ms() <= then_ms + 1)
        ;
    assert_true(slice_compare(early, id_new(arena, prefix, 0)) < 0);
    arena_free(arena);
}

static void test_events(void **unused)
{
    struct arena *arena = arena_new();
    struct event event = some_event();
    enum event_type type;

    event.timestamp_ms = UINT64_C(1685440800000);
    assert_true(slice_eq(event_body(arena, &event),
                         SLICE("{\"event\":\"media.uploaded\",\"data\":{\"id\":\"media_y\","
                               "\"type\":\"image\",\"user_id\":\"user_x\"},"
                               "\"timestamp\":\"2023-05-30T10:00:00Z\"}")));
    for (unsigned i = 0; i < EVENT_COUNT_; i++) {
        assert_true(event_type_parse(event_row((enum event_type)i)->name, &type));
        assert_int_equal(type, i);
    }
    assert_false(event_type_parse(SLICE("media.eaten"), &type));
    assert_false(event_row(EVENT_SESSION_ENDED)->realtime);
    assert_int_equal(event_row(EVENT_MEDIA_PROCESSING)->webhook, WEBHOOK_NEVER);
    assert_int_equal(event_row(EVENT_MEDIA_READY)->webhook, WEBHOOK_NAMED);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),    cmocka_unit_test(test_events),
        STATE_TEST(1, whole),          STATE_TEST(3, whole),
        STATE_TEST(1, refused),        STATE_TEST(3, refused),
        STATE_TEST(1, writes),         STATE_TEST(1, of_sorted_sets),
        STATE_TEST(1, chain),          STATE_TEST(3, chain),

        STATE_TEST(1, server_refuses), STATE_TEST(1, server_dies),
        STATE_TEST(1, full), /* last: it leaves the server without an AOF */
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
