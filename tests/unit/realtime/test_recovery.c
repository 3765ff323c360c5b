/* Recovery against a real Redis: everything missed, in order, once; or the truth that it is not
 * possible. */
#include "client_fixture.h"
#include "state_fixture.h"

#include "state/commit.h"
#include "state/position.h"
#include "state/stream.h"

struct hub {
    struct state *state;
    struct realtime *realtime;
    struct stream *stream;
};

static bool real_head(void *arg, unsigned partition, struct head *out)
{
    struct hub *hub = arg;

    if (!hub->stream || !stream_started(hub->stream))
        return false;
    *out = *stream_head(hub->stream, partition);
    return true;
}

static void on_event(void *arg, const struct event *event)
{
    realtime_publish(((struct hub *)arg)->realtime, event);
}

static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    realtime_forked(((struct hub *)arg)->realtime, partition, head);
}

static void hub_open(struct hub *hub, struct state *state)
{
    const struct realtime_hooks hooks = {hub, hook_authenticate, hook_may_see, real_head};
    const struct stream_handlers handlers = {.arg = hub, .on_event = on_event, .on_fork = on_fork};

    *hub = (struct hub){.state = state};
    hub->realtime = realtime_new(state, &hooks, &fixture_limits);
    hub->stream = stream_open(state, NULL, &handlers);
    WAIT_UNTIL(stream_started(hub->stream));
}

static void hub_close(struct hub *hub)
{
    size_t fibers = fiber_count();

    stream_close(hub->stream);
    stream_canary_write(hub->state);
    WAIT_UNTIL(fiber_count() < fibers);
    realtime_free(hub->realtime);
}

/* A gateway's restart: memory is empty, the state is not. */
static void hub_restart(struct hub *hub)
{
    struct state *state = hub->state;

    hub_close(hub);
    hub_open(hub, state);
}

static unsigned emitted;

/* n events of ann's media_<i % 3>, numbered through in `changes`. */
static void emit(struct task *task, struct hub *hub, unsigned partition, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct commit *commit = commit_new(task, hub->state, partition);
        unsigned number = ++emitted;
        struct event event = {
            .type = EVENT_MEDIA_UPDATED,
            .owner = SLICE("user_ann"),
            .resource = arena_printf(task->arena, "media_%u", number % 3),
            .resource_type = SLICE("image"),
            .changes = arena_printf(task->arena, "{\"n\":%u}", number),
        };

        commit_event(commit, &event);
        assert_int_equal(commit_send(commit), OK);
    }
}

/* Waits until the reader has come to the last event. */
static void settle(struct socket *s, unsigned last)
{
    char text[32];

    snprintf(text, sizeof text, "{\"n\":%u}", last);
    WAIT_UNTIL(socket_has(s, text));
}

static struct socket *enter(struct hub *hub, const char *token)
{
    struct socket *s = connect_socket(hub->realtime, NULL);
    char text[128];

    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", token);
    say(s, text);
    WAIT_UNTIL(socket_has(s, "\"auth_ok\""));
    return s;
}

static void subscribe(struct socket *s, const char *resource, const char *since)
{
    char text[1024];
    size_t before = socket_count(s, "\"subscribed\"") + socket_count(s, "\"type\":\"error\"");

    snprintf(text, sizeof text,
             "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"%s\"%s%s%s}",
             resource, since ? ",\"since\":\"" : "", since ? since : "", since ? "\"" : "");
    say(s, text);
    WAIT_UNTIL(socket_count(s, "\"subscribed\"") + socket_count(s, "\"type\":\"error\"") > before);
}

/* Subscribes to all without waiting for the answer. */
static void say_since(struct task *task, struct socket *s, const char *since)
{
    struct slice text = arena_printf(
        task->arena, "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"since\":\"%s\"}",
        since);

    say(s, arena_cstr(task->arena, text));
}

/* The last position that the client was told. */
static char *last_position(struct task *task, struct socket *s)
{
    const char *at = NULL, *key = "\"position\":\"";

    for (const char *p = socket_text(s); (p = strstr(p, key)); p += strlen(key))
        at = p + strlen(key);
    assert_non_null(at);
    return arena_cstr(task->arena, (struct slice){at, (size_t)(strchr(at, '"') - at)});
}

/* Exactly the events first..last of every `step`th number, in order. */
static void check_numbers(struct socket *s, unsigned first, unsigned last, unsigned step)
{
    unsigned expected = first;

    for (const char *p = socket_text(s); (p = strstr(p, "{\"n\":")); p += 5, expected += step) {
        unsigned long number = strtoul(p + 5, NULL, 10);

        if (number != expected)
            fail_msg("event %lu instead of %u", number, expected);
    }
    assert_int_equal(expected, last + step);
}

static void from_memory_and_live(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    emit(task, &hub, 0, 10);
    settle(s, 10);
    char *since = last_position(task, s);
    disconnect(s);

    emit(task, &hub, 0, 20);
    s = enter(&hub, "ann");
    subscribe(s, "*", since);
    emit(task, &hub, 0, 5);
    settle(s, 35);
    assert_true(socket_has(s, "\"recovered\":true"));
    check_numbers(s, 11, 35, 1);
    disconnect(s);

    struct socket *bob = enter(&hub, "bob"); /* nothing of it is his */
    subscribe(bob, "*", since);
    assert_true(socket_has(bob, "\"recovered\":true"));
    check_numbers(bob, 1, 0, 1);
    disconnect(bob);
    hub_close(&hub);
}

static void past_memory_from_the_state(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    char *begin = last_position(task, s);
    emit(task, &hub, 0, 60);
    settle(s, 60);
    disconnect(s);
    hub_restart(&hub);

    struct socket *two[2] = {enter(&hub, "ann"), enter(&hub, "ann")};
    say_since(task, two[0], begin);
    subscribe(two[1], "*", begin);
    emit(task, &hub, 0, 3);
    for (int i = 0; i < 2; i++) {
        settle(two[i], 63);
        assert_true(socket_has(two[i], "\"recovered\":true"));
        check_numbers(two[i], 1, 63, 1);
        disconnect(two[i]);
    }

    /* Further back than is kept. */
    emit(task, &hub, 0, 100);
    s = enter(&hub, "ann");
    subscribe(s, "*", begin);
    assert_true(socket_has(s, "\"recovered\":false"));
    check_numbers(s, 1, 0, 1);
    disconnect(s);
    hub_close(&hub);
}

static void each_event_once_over_overlapping_subscriptions(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    char *since = last_position(task, s);
    emit(task, &hub, 0, 30);
    settle(s, 30);
    /* It has heard all of it: asking again, or for a part of it, repeats nothing. */
    subscribe(s, "*", since);
    subscribe(s, "media_1", since);
    emit(task, &hub, 0, 1);
    settle(s, 31);
    assert_int_equal(socket_count(s, "\"recovered\":true"), 2);
    check_numbers(s, 1, 31, 1);
    disconnect(s);

    /* The part first, then all: the rest only. */
    s = enter(&hub, "ann");
    subscribe(s, "media_1", since);
    WAIT_UNTIL(socket_count(s, "{\"n\":") == 11);
    check_numbers(s, 1, 31, 3);
    socket_forget(s);
    subscribe(s, "*", since);
    WAIT_UNTIL(socket_count(s, "{\"n\":") == 20);
    assert_false(socket_has(s, "\"resource_id\":\"media_1\",\"event\""));
    disconnect(s);
    hub_close(&hub);
}

static void a_slow_reader_is_waited_for(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    char *since = last_position(task, s);
    emit(task, &hub, 0, 95);
    settle(s, 95);
    disconnect(s);

    s = enter(&hub, "ann");
    s->blocked = true;
    say_since(task, s, since);
    WAIT_UNTIL(s->want);
    assert_in_range(socket_count(s, "{\"n\":"), 1, 94);
    emit(task, &hub, 0, 2); /* live ones wait for the replay */
    socket_unblock(s);
    settle(s, 97);
    check_numbers(s, 1, 97, 1);
    assert_false(socket_has(s, "\"gap\""));
    disconnect(s);

    /* One that is so slow that memory moves on is told. */
    s = enter(&hub, "ann");
    s->blocked = true;
    say_since(task, s, since);
    WAIT_UNTIL(s->want);
    emit(task, &hub, 0, 150);
    WAIT_UNTIL(real_head(&hub, 0, &fixture_heads[0]) && fixture_heads[0].offset == 247);
    socket_unblock(s);
    WAIT_UNTIL(socket_has(s, "\"slow_consumer\""));
    emit(task, &hub, 0, 1);
    settle(s, 248);
    disconnect(s);
    hub_close(&hub);
}

static void another_history_is_not_recovered(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    emit(task, &hub, 0, 5);
    settle(s, 5);
    char *since = last_position(task, s);

    redis_fixture_command("FLUSHALL");
    WAIT_UNTIL(socket_has(s, "\"history_forked\""));
    disconnect(s);
    emit(task, &hub, 0, 10);
    s = enter(&hub, "ann");
    subscribe(s, "*", since);
    assert_true(socket_has(s, "\"recovered\":false"));
    subscribe(s, "*", "nonsense");
    assert_int_equal(socket_count(s, "\"recovered\":false"), 2);
    disconnect(s);
    hub_close(&hub);
}

enum foreign { OWN, OTHER_EPOCH, OTHER_HASH, OTHER_BEGINNING, PAST_THE_HEAD, MORE_PARTITIONS, CUT };

static struct slice forge(struct task *task, struct slice own, enum foreign how)
{
    struct head heads[3];
    struct position position;

    assert_true(position_parse(task->arena, own, 1, &position));
    struct head *head = &position.heads[0];
    for (int i = 0; i < 3; i++)
        heads[i] = *head;
    switch (how) {
    case OWN:
        break;
    case OTHER_EPOCH: /* another server's, or this one's before it was emptied */
        head->epoch++;
        break;
    case OTHER_HASH: /* what stands at this offset came after a tail was lost */
        head->hash[0] = head->hash[0] == '0' ? '1' : '0';
        break;
    case OTHER_BEGINNING:
        head->offset = 0;
        break;
    case PAST_THE_HEAD:
        head->offset += 2;
        break;
    case MORE_PARTITIONS:
        position = (struct position){3, heads};
        break;
    case CUT:
        return (struct slice){own.p, own.n - 1};
    }
    return position_format(task->arena, &position);
}

/* Whether memory or the state is asked. */
static void foreign_positions_are_not_recovered(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "ann");
    subscribe(s, "*", NULL);
    emit(task, &hub, 0, 4);
    settle(s, 4);
    struct slice own = slice_from(last_position(task, s));
    emit(task, &hub, 0, 1);
    settle(s, 5);
    disconnect(s);
    for (int turn = 0; turn < 2; turn++) {
        for (enum foreign how = OWN; how <= CUT; how++) {
            const char *expected = how == OWN ? "\"recovered\":true" : "\"recovered\":false";

            s = enter(&hub, "ann");
            subscribe(s, "*", arena_cstr(task->arena, forge(task, own, how)));
            if (!socket_has(s, expected) || socket_count(s, "{\"n\":") != (how == OWN))
                fail_msg("position %d: %s", (int)how, socket_text(s));
            disconnect(s);
        }
        hub_restart(&hub);
    }
    hub_close(&hub);
}

/* Two gateways read at their own pace: a position of the quicker one is not a fork. */
static void a_position_of_a_quicker_gateway(struct task *task, struct state *state)
{
    struct hub quick;
    struct event *events;
    struct head begin;
    size_t n;

    emitted = 0;
    hub_open(&quick, state);
    assert_true(real_head(&quick, 0, &begin));
    struct socket *s = enter(&quick, "ann");
    subscribe(s, "*", NULL);
    emit(task, &quick, 0, 5);
    settle(s, 5);
    char *since = last_position(task, s);
    disconnect(s);

    /* The other one has read three of the five, and is told of the rest later. */
    assert_int_equal(stream_read(task, state, 0, &begin, 10, &events, &n), OK);
    assert_int_equal(n, 5);
    fixture_heads[0] = (struct head){.epoch = begin.epoch, .offset = events[2].offset};
    memcpy(fixture_heads[0].hash, events[2].hash, sizeof events[2].hash);
    struct realtime *late = realtime_new(state, &fixture_hooks, &fixture_limits);
    s = connect_socket(late, NULL);
    say(s, "{\"type\":\"auth\",\"token\":\"ann\"}");
    say_since(task, s, since);
    fiber_sleep(50);
    assert_false(socket_has(s, "\"subscribed\""));
    realtime_publish(late, &events[3]);
    realtime_publish(late, &events[4]);
    WAIT_UNTIL(socket_has(s, "\"recovered\":true"));
    check_numbers(s, 1, 0, 1);
    disconnect(s);
    realtime_free(late);
    hub_close(&quick);
}

static void admins_over_several_partitions(struct task *task, struct state *state)
{
    struct hub hub;

    emitted = 0;
    hub_open(&hub, state);
    struct socket *s = enter(&hub, "admin");
    subscribe(s, "*", NULL);
    char *since = last_position(task, s);
    for (unsigned i = 0; i < 6; i++)
        emit(task, &hub, i % 3, 1);
    settle(s, 6);
    disconnect(s);
    hub_restart(&hub);
    s = enter(&hub, "admin");
    subscribe(s, "*", since);
    WAIT_UNTIL(socket_count(s, "{\"n\":") == 6);
    assert_true(socket_has(s, "\"recovered\":true"));

    /* Each position on the way is a place to come back to: nothing lost, nothing twice. */
    struct arena *arena = task->arena;
    char *text = arena_cstr(arena, slice_from(socket_text(s)));
    unsigned heard = 0;
    for (char *line = strstr(text, "\"type\":\"event\""); line;
         line = strstr(line + 1, "\"type\":\"event\"")) {
        char *at = strstr(line, "\"position\":\"") + 12;
        struct socket *again = enter(&hub, "admin");

        heard++;
        subscribe(again, "*", arena_cstr(arena, (struct slice){at, strcspn(at, "\"")}));
        assert_int_equal(socket_count(again, "{\"n\":"), 6 - heard);
        disconnect(again);
    }
    assert_int_equal(heard, 6);
    disconnect(s);
    hub_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, from_memory_and_live),
        STATE_TEST(1, past_memory_from_the_state),
        STATE_TEST(1, each_event_once_over_overlapping_subscriptions),
        STATE_TEST(1, a_slow_reader_is_waited_for),
        STATE_TEST(1, another_history_is_not_recovered),
        STATE_TEST(1, foreign_positions_are_not_recovered),
        STATE_TEST(1, a_position_of_a_quicker_gateway),
        STATE_TEST(3, admins_over_several_partitions),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
