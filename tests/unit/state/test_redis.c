/* The connection itself: values, pipelining, deaths and returns of the server. */
#include "state_fixture.h"

#include "base/redis_address.h"
#include "state/redis.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void values(struct task *task, struct state *state)
{
    struct redis *redis = state->durable;
    struct redis_value v;

    assert_int_equal(redis_command(task, redis, &v, SLICE("SET"), SLICE("a\0b"), SLICE("x\0y")),
                     OK);
    assert_int_equal(v.type, REDIS_TEXT);
    assert_int_equal(redis_command(task, redis, &v, SLICE("GET"), SLICE("a\0b")), OK);
    assert_true(slice_eq(v.text, SLICE("x\0y")));
    assert_int_equal(redis_command(task, redis, &v, SLICE("GET"), SLICE("absent")), OK);
    assert_int_equal(v.type, REDIS_NIL);
    assert_int_equal(redis_command(task, redis, &v, SLICE("GET"), SLICE_NONE), OK);
    assert_int_equal(v.type, REDIS_NIL);
    assert_int_equal(redis_command(task, redis, &v, SLICE("INCR"), SLICE("n")), OK);
    assert_int_equal(v.type, REDIS_NUMBER);
    assert_int_equal(v.number, 1);
    assert_int_equal(redis_command(task, redis, &v, SLICE("HGET"), SLICE("n"), SLICE("f")), OK);
    assert_int_equal(v.type, REDIS_FAULT);
    assert_true(slice_starts_with(v.text, SLICE("WRONGTYPE")));
    assert_int_equal(redis_command(task, redis, &v, SLICE("HSET"), SLICE("h"), SLICE("f"),
                                   SLICE("1"), SLICE("g"), SLICE("")),
                     OK);
    assert_int_equal(redis_command(task, redis, &v, SLICE("HGETALL"), SLICE("h")), OK);
    assert_int_equal(v.n, 4);
    assert_true(slice_eq(redis_field(&v, SLICE("f")), SLICE("1")));
    assert_int_equal(redis_field(&v, SLICE("nothing")).n, 0);
    assert_int_equal(redis_command(task, redis, &v, SLICE("EVAL"),
                                   SLICE("return {1,{2,{3,{4,{5,'six'}}}},'end'}"), SLICE("0")),
                     OK);
    assert_true(slice_eq(v.items[1].items[1].items[1].items[1].items[1].text, SLICE("six")));
    assert_true(slice_eq(v.items[2].text, SLICE("end")));
}

static void pipelining(struct task *task, struct state *state)
{
    enum { CALLS = 1000 };
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, CALLS);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, CALLS);
    struct redis_value before, after;

    for (int i = 0; i < CALLS; i++)
        calls[i] = redis_send(
            state->durable, REDIS_ARGV(SLICE("ECHO"), arena_printf(task->arena, "text %d", i)), 2);
    assert_int_equal(redis_await_all(task, calls, CALLS, replies), OK);
    for (int i = 0; i < CALLS; i++)
        assert_true(slice_eq(replies[i].text, arena_printf(task->arena, "text %d", i)));

    /* Forgotten calls neither disturb the others nor leak. */
    assert_int_equal(redis_command(task, state->durable, &before, SLICE("GET"), SLICE("i")), OK);
    for (int i = 0; i < CALLS; i++)
        redis_post(state->durable, SLICE("INCR"), SLICE("i"));
    assert_int_equal(redis_command(task, state->durable, &after, SLICE("GET"), SLICE("i")), OK);
    assert_true(slice_eq(after.text, SLICE("1000")));

    /* A call whose answer has come can still be forgotten. */
    struct redis_call *call = redis_send(state->durable, REDIS_ARGV(SLICE("PING")), 1);
    fiber_sleep(50);
    redis_forget(call);
}

static void own_deadline(struct task *task, struct state *state)
{
    struct task hurried = *task;
    struct redis_value v;

    hurried.arena = arena_new();
    hurried.deadline_ms = clock_ms() + 50;
    assert_int_equal(
        redis_command(&hurried, state->streams, &v, SLICE("BLPOP"), SLICE("none"), SLICE("0.3")),
        ERR_STATE_UNAVAILABLE);
    arena_free(hurried.arena); /* the answer comes later and must not touch it */
    assert_int_equal(redis_command(task, state->streams, &v, SLICE("PING")), OK);
    assert_true(slice_eq(v.text, SLICE("PONG")));
}

struct load {
    struct state *state;
    bool stop;
    unsigned running, answered, failed;
};

static void load_task(struct task *task, void *arg)
{
    struct load *load = arg;

    while (!load->stop) {
        struct redis_call *calls[20];
        struct redis_value replies[20];

        for (size_t i = 0; i < COUNT_OF(calls); i++)
            calls[i] =
                redis_send(load->state->durable, REDIS_ARGV(SLICE("INCR"), SLICE("load")), 2);
        for (size_t i = 0; i < COUNT_OF(calls); i++) {
            enum err err = redis_await(task, calls[i], &replies[i]);

            assert_true(err == OK || err == ERR_STATE_UNAVAILABLE);
            load->answered += err == OK;
            load->failed += err != OK;
        }
        arena_reset(task->arena);
        fiber_sleep(1);
    }
    load->running--;
}

/* kill -9 in mid-load: every call ends, the connection returns, the functions are there again. */
static void killed_under_load(struct task *task, struct state *state)
{
    struct load load = {.state = state, .running = 16};
    struct redis_value v;

    for (unsigned i = 0; i < load.running; i++)
        assert_true(task_spawn(load_task, &load));
    for (unsigned round = 0; round < 5; round++) {
        unsigned before = load.answered, failed = load.failed;
        uint64_t generation = redis_connects(state->durable);

        WAIT_UNTIL(load.answered > before + 200);
        redis_fixture_kill();
        WAIT_UNTIL(load.failed > failed && !state_ready(state));
        redis_fixture_again();
        WAIT_UNTIL(state_ready(state));
        assert_true(redis_connects(state->durable) > generation);
    }
    load.stop = true;
    WAIT_UNTIL(load.running == 0);
    assert_int_equal(redis_command(task, state->durable, &v, SLICE("GET"), SLICE("load")), OK);
    uint64_t count = 0;
    assert_true(slice_to_u64(v.text, &count));
    assert_true(count >= load.answered);
    assert_int_equal(state_fcall(task, state, SLICE("head_open"), SLICE("{p0}:head"), NULL, 0, &v),
                     OK);
    assert_int_equal(v.n, 3);
}

/* Functions may vanish without a reconnect. */
static void functions_flushed(struct task *task, struct state *state)
{
    struct redis_value v;

    redis_fixture_command("FUNCTION FLUSH");
    assert_int_equal(state_fcall(task, state, SLICE("head_open"), SLICE("{p0}:head"), NULL, 0, &v),
                     OK);
    assert_int_equal(v.n, 3);
}

/* A server that accepts and never answers is noticed, and so is its return. */
static void stopped_server(struct task *task, struct state *state)
{
    struct redis_value v;
    uint64_t start_ms = clock_ms();

    redis_fixture_signal(SIGSTOP);
    assert_int_equal(redis_command(task, state->durable, &v, SLICE("PING")), ERR_STATE_UNAVAILABLE);
    assert_true(clock_ms() - start_ms >= REDIS_STALL_MS);
    assert_true(clock_ms() - start_ms < REDIS_STALL_MS + 1000);
    assert_false(redis_ready(state->durable));
    redis_fixture_signal(SIGCONT);
    WAIT_UNTIL(state_ready(state));
    assert_int_equal(redis_command(task, state->durable, &v, SLICE("PING")), OK);
}

/* A port of the machine that is free right now. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* A name to be looked up; a machine just made by debootstrap has no /etc/hosts that knows it. */
static const char *local_name(void)
{
    struct addrinfo *found = NULL;
    bool known = getaddrinfo("localhost", NULL, NULL, &found) == 0;

    if (known)
        freeaddrinfo(found);
    return known ? "localhost" : "127.0.0.1";
}

static void over_tcp(struct task *task, struct state *state)
{
    unsigned port = free_port();
    struct redis_value v;

    redis_fixture_command(
        arena_cstr(task->arena, arena_printf(task->arena, "CONFIG SET port %u", port)));
    redis_fixture_command("ACL SETUSER me on >p@ss ~* +@all");
    redis_fixture_command("ACL SETUSER default -@all +ping");
    struct redis *good = redis_open(
        arena_printf(task->arena, "redis://me:p%%40ss@%s:%u/3", local_name(), port), "good");
    struct redis *wrong =
        redis_open(arena_printf(task->arena, "redis://me:other@127.0.0.1:%u", port), "wrong");
    WAIT_UNTIL(redis_ready(good));
    assert_int_equal(redis_command(task, good, &v, SLICE("CLIENT"), SLICE("INFO")), OK);
    assert_non_null(strstr(arena_cstr(task->arena, v.text), " name=good "));
    assert_non_null(strstr(arena_cstr(task->arena, v.text), " db=3 "));
    /* Refused, it is of no use, whatever the server lets everybody do. */
    WAIT_UNTIL(*redis_problem(wrong));
    assert_non_null(strstr(redis_problem(wrong), "WRONGPASS"));
    assert_false(redis_ready(wrong));
    assert_string_equal(arena_cstr(task->arena, redis_shown(wrong)),
                        arena_printf(task->arena, "redis://***@127.0.0.1:%u", port).p);
    assert_string_equal(redis_problem(good), "");
    redis_close(good);
    redis_close(wrong);
    redis_fixture_kill();
    redis_fixture_again();
}

/* A server that answers, but not to serve: as while it loads its data. */
static void not_yet(struct task *task, struct state *state)
{
    redis_fixture_command("ACL SETUSER default -ping");
    struct redis *redis = redis_open(redis_fixture_url(), "early");

    fiber_sleep(200);
    assert_false(redis_ready(redis));
    redis_close(redis);
    redis_fixture_kill();
    redis_fixture_again();
    WAIT_UNTIL(state_ready(state));
}

/* A former master only reads: writes are refused as by a server that is away, until it writes. */
static void demoted(struct task *task, struct state *state)
{
    struct redis_value v;

    redis_fixture_command("REPLICAOF 127.0.0.1 1");
    assert_int_equal(redis_command(task, state->durable, &v, SLICE("SET"), SLICE("a"), SLICE("b")),
                     ERR_STATE_UNAVAILABLE);
    assert_false(redis_ready(state->durable));
    redis_fixture_command("REPLICAOF NO ONE");
    WAIT_UNTIL(state_ready(state));
    assert_int_equal(redis_command(task, state->durable, &v, SLICE("SET"), SLICE("a"), SLICE("b")),
                     OK);
    assert_int_equal(v.type, REDIS_TEXT);
}

static void closed_with_calls(struct task *task, struct state *state)
{
    struct redis *extra = redis_open(redis_fixture_url(), "extra");
    struct redis_value v;

    WAIT_UNTIL(redis_ready(extra));
    struct redis_call *call =
        redis_send(extra, REDIS_ARGV(SLICE("BLPOP"), SLICE("none"), SLICE("5")), 3);
    redis_close(extra);
    assert_int_equal(redis_await(task, call, &v), ERR_STATE_UNAVAILABLE);
    assert_int_equal(redis_command(task, extra, &v, SLICE("PING")), ERR_STATE_UNAVAILABLE);
}

static void away_task(struct task *task, void *arg)
{
    const char **url = arg;
    struct redis *redis = redis_open(slice_from(*url), "away");
    struct redis_value v;

    fiber_sleep(100);
    assert_false(redis_ready(redis));
    assert_int_equal(redis_command(task, redis, &v, SLICE("PING")), ERR_STATE_UNAVAILABLE);
    redis_close(redis);
}

static void test_nobody_there(void **unused)
{
    const char *urls[] = {"unix:/nowhere/at/all", "redis://127.0.0.1:1", "redis://localhost:1",
                          "redis://no-such-host.invalid"};

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        loop_init(4);
        assert_true(task_spawn(away_task, &urls[i]));
        uv_run(loop_get(), UV_RUN_DEFAULT);
        assert_true(loop_fini());
    }
}

static void test_addresses(void **unused)
{
    static const struct {
        const char *url, *path, *host, *user, *password;
        unsigned port, db;
        bool good;
    } cases[] = {
        {"unix:redis.sock", "redis.sock", NULL, "", "", 0, 0, true},
        {"unix:/a/b", "/a/b", NULL, "", "", 0, 0, true},
        {"redis://h", NULL, "h", "", "", 6379, 0, true},
        {"redis://h:7000/3", NULL, "h", "", "", 7000, 3, true},
        {"redis://:p%40ss@h/", NULL, "h", "", "p@ss", 6379, 0, true},
        {"redis://me:secret@[::1]:6380/1", NULL, "::1", "me", "secret", 6380, 1, true},
        {"redis://[::1]", NULL, "::1", "", "", 6379, 0, true},
        {"unix:", NULL, NULL, "", "", 0, 0, false},
        {"redis://", NULL, NULL, "", "", 0, 0, false},
        {"redis://h:0", NULL, NULL, "", "", 0, 0, false},
        {"redis://h:65536", NULL, NULL, "", "", 0, 0, false},
        {"redis://h:12x", NULL, NULL, "", "", 0, 0, false},
        {"redis://h/x", NULL, NULL, "", "", 0, 0, false},
        {"redis://[::1", NULL, NULL, "", "", 0, 0, false},
        {"redis://[::1]x", NULL, NULL, "", "", 0, 0, false},
        {"redis://name@h", NULL, NULL, "", "", 0, 0, false},
        {"rediss://h", NULL, NULL, "", "", 0, 0, false},
        {"127.0.0.1:6379", NULL, NULL, "", "", 0, 0, false},
        {"", NULL, NULL, "", "", 0, 0, false},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct redis_address got;

        assert_int_equal(redis_address_parse(arena, slice_from(cases[i].url), &got), cases[i].good);
        if (!cases[i].good)
            continue;
        assert_true(slice_eq(slice_from(got.path), slice_from(cases[i].path)));
        assert_true(slice_eq(slice_from(got.host), slice_from(cases[i].host)));
        assert_true(slice_eq(got.user, slice_from(cases[i].user)));
        assert_true(slice_eq(got.password, slice_from(cases[i].password)));
        assert_int_equal(got.port, cases[i].port);
        assert_int_equal(got.db, cases[i].db);
    }
    arena_free(arena);
}

static void durability(struct task *task, struct state *state)
{
    static const struct {
        const char *set, *wanted;
        bool good;
    } cases[] = {
        {"CONFIG SET appendfsync always", "always", true},
        {"CONFIG SET appendfsync everysec", "everysec", true},
        {"CONFIG SET appendfsync everysec", "always", false},
        {"CONFIG SET appendfsync no", "everysec", false},
        {"CONFIG SET appendfsync always maxmemory-policy allkeys-lru maxmemory 1gb", "always",
         false},
        {"CONFIG SET maxmemory-policy noeviction", "always", true},
        {"CONFIG SET maxmemory 0", "always", true},
        {"CONFIG SET appendonly no", "everysec", false},
        {"CONFIG SET appendonly yes", "always", true},
    };
    char *problem;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(redis_fixture_command(cases[i].set), "+OK\r\n");
        assert_int_equal(state_check_durability(task, state, slice_from(cases[i].wanted), &problem),
                         cases[i].good);
        assert_int_equal(problem == NULL, cases[i].good);
    }
    redis_fixture_command("ACL SETUSER default -config");
    assert_true(state_check_durability(task, state, SLICE("always"), &problem));
    /* Turning the AOF off and on leaves a rewrite under way, during which nothing is durable. */
    redis_fixture_kill();
    redis_fixture_again();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        STATE_TEST(1, values),
        STATE_TEST(1, pipelining),
        STATE_TEST(1, own_deadline),
        STATE_TEST(1, closed_with_calls),
        STATE_TEST(1, over_tcp),
        STATE_TEST(1, not_yet),
        STATE_TEST(1, demoted),
        cmocka_unit_test(test_nobody_there),
        STATE_TEST(1, functions_flushed),
        STATE_TEST(1, durability),
        STATE_TEST(1, killed_under_load),
        STATE_TEST(1, stopped_server),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
