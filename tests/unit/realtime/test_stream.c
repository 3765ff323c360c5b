/* What a client hears that only listens: a stream of server-sent events. */
#include "hub_fixture.h"

#include "realtime/place.h"
#include "realtime/stream.h"

static const struct command everything[] = {
    {.type = COMMAND_SUBSCRIBE, .channel = SLICE_INIT("media_updates")},
};

static struct socket *listen_to(const char *user, uint64_t expires_ms, const struct command *places,
                                size_t n)
{
    struct socket *s = MEM_NEW(struct socket);
    const struct principal principal = {.kind = PRINCIPAL_SESSION,
                                        .user_id = slice_from(user),
                                        .session_id = SLICE("ses_1"),
                                        .scopes = SCOPE_REALTIME,
                                        .expires_ms = expires_ms};

    buf_init(&s->wire, 64 << 20);
    buf_init(&s->lines, 64 << 20);
    s->stream = true;
    s->acked_ms = clock_ms();
    s->client = client_open_stream(hub, &recorded, s, false, &principal, places, n);
    return s;
}

static struct socket *listen_to_all(const char *user)
{
    struct socket *s = listen_to(user, 0, everything, 1);

    RUN_UNTIL(socket_has(s, "\"subscribed\""));
    return s;
}

/* The frame's payload behind `data: `, and its position before it. */
static void the_messages_are_those_of_a_websocket(void **unused)
{
    struct socket *s = listen_to_all("user_ann");
    struct socket *other = log_in("ann", "{\"type\":\"subscribe\",\"channel\":\"media_updates\"}");
    char wanted[1024];

    assert_true(socket_has(s, "retry: 2000\n\ndata: {\"type\":\"auth_ok\""));
    assert_true(socket_has(s, "\n\nid: "));
    socket_forget(s);
    publish_media("user_ann", "media_1");
    publish_media("user_bob", "media_2");
    publish_media("user_ann", "media_3");
    RUN_UNTIL(socket_has(s, "media_3") && socket_has(other, "media_3"));
    assert_int_equal(s->writes, 1); /* both in one */
    assert_false(socket_has(s, "media_2"));
    for (const char *line = socket_text(other), *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        const char *at = strstr(line, "\"position\":\"") + 12;
        const char *position_end = strchr(at, '"');
        snprintf(wanted, sizeof wanted, "id: %.*s\ndata: %.*s\n\n", (int)(position_end - at), at,
                 (int)(end - line), line);
        assert_true(socket_has(s, wanted));
    }
    client_bytes(s->client, SLICE("GET / HTTP/1.1\r\n\r\n")); /* means nothing */
    expect_figure("mediahub_realtime_streams 1");
    disconnect(s);
    disconnect(other);
    expect_figure("mediahub_realtime_streams 0");
}

/* The position that a test's event of this number has. */
static struct slice position_at(struct arena *arena, uint64_t offset)
{
    struct head head = {.epoch = 9, .offset = offset};

    if (offset == 100)
        memset(head.hash, 'a', 16);
    else
        snprintf(head.hash, 17, "%016llx", (unsigned long long)offset);
    return position_format(arena, &(struct position){1, &head});
}

static size_t place_of(struct socket *s, const char *text)
{
    const char *all = socket_text(s), *at = strstr(all, text);

    assert_non_null(at);
    return (size_t)(at - all);
}

/* One position stands for all subscriptions, so what was missed comes in the order of the events,
 * not of the subscriptions, and after all confirmations. */
static void what_was_missed_comes_for_all_subscriptions_together(void **unused)
{
    struct arena *arena = arena_new();
    struct command places[] = {
        {.channel = SLICE("media_updates"), .resource_id = SLICE("media_2")},
        {.channel = SLICE("media_updates"), .resource_id = SLICE("media_1")},
        {.channel = SLICE("media_updates"), .resource_id = SLICE("media_1")},
        {.channel = SLICE("job_progress")},
    };
    struct socket *first = listen_to_all("user_ann"); /* the hub knows where it stands */

    publish_media("user_ann", "media_1");
    publish_media("user_ann", "media_2");
    publish_media("user_ann", "media_3");
    publish_media("user_ann", "media_1");
    for (size_t i = 0; i < 4; i++) {
        places[i].has_since = true;
        places[i].since = position_at(arena, 100);
    }
    struct socket *s = listen_to("user_ann", 0, places, 4);
    RUN_UNTIL(socket_count(s, "\"type\":\"event\"") == 3);
    assert_int_equal(socket_count(s, "\"subscribed\""), 3); /* a repeated one once */
    assert_int_equal(socket_count(s, "\"recovered\":true"), 2);
    assert_false(socket_has(s, "\"gap\""));
    char id[128];
    for (uint64_t offset = 101, before = place_of(s, "\"job_progress\""); offset <= 104; offset++) {
        snprintf(id, sizeof id, "\nid: %.*s\n", SLICE_ARG(position_at(arena, offset)));
        if (offset == 103)
            continue;
        assert_true(place_of(s, id) > before);
        before = place_of(s, id);
    }
    publish_media("user_ann", "media_2");
    RUN_UNTIL(socket_count(s, "\"type\":\"event\"") == 4);
    disconnect(s);
    disconnect(first);
    arena_free(arena);
}

static void what_cannot_be_recovered_is_a_gap(void **unused)
{
    static const char *const positions[] = {"nonsense", "AQEJZQAAAAAAAAAA"};

    for (size_t i = 0; i < 2; i++) {
        struct command place = everything[0];

        place.has_since = true;
        place.since = slice_from(positions[i]);
        struct socket *s = listen_to("user_ann", 0, &place, 1);
        RUN_UNTIL(socket_has(s, "\"gap\""));
        assert_true(socket_has(s, "\"recovered\":false"));
        assert_true(socket_has(s, "\"reason\":\"history_gone\""));
        disconnect(s);
    }
}

static void places_are_judged_before_the_stream(struct task *task, void *arg)
{
    const struct principal ann = {.user_id = SLICE("user_ann")};
    struct slice detail;
    const struct {
        struct slice channel, resource;
        size_t n;
        enum err err;
    } cases[] = {
        {SLICE_INIT("media_updates"), SLICE_INIT(""), 5, OK},
        {SLICE_INIT("media_updates"), SLICE_INIT("media_1"), 1, OK},
        {SLICE_INIT("media_updates"), SLICE_INIT("thing_1"), 1, ERR_NOT_FOUND},
        {SLICE_INIT("nothing"), SLICE_INIT(""), 1, ERR_VALIDATION},
        {SLICE_INIT("session"), SLICE_INIT(""), 1, ERR_VALIDATION},
        {SLICE_INIT("media_updates"), SLICE_INIT(""), 6, ERR_RATE_LIMITED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command places[6];

        for (size_t k = 0; k < 6; k++)
            places[k] =
                (struct command){.channel = cases[i].channel, .resource_id = cases[i].resource};
        assert_int_equal(stream_check(task, hub, &ann, places, cases[i].n, &detail), cases[i].err);
        assert_int_equal(detail.n > 0, cases[i].err != OK);
    }
    *(bool *)arg = true;
}

static void places_are_judged(void **unused)
{
    bool done = false;

    assert_true(task_spawn(places_are_judged_before_the_stream, &done));
    RUN_UNTIL(done);
}

static void a_slow_stream_gets_a_gap(void **unused)
{
    struct socket *s = listen_to_all("user_ann");

    s->blocked = true;
    for (int i = 0; i < 50; i++) {
        publish_media("user_ann", "media_1");
        run_some();
    }
    assert_true(client_queued_bytes(s->client) <= fixture_limits.queue_bytes);
    socket_unblock(s);
    RUN_UNTIL(socket_has(s, "\"reason\":\"slow_consumer\""));
    disconnect(s);
}

static void its_token_ends(void **unused)
{
    struct socket *s = listen_to("user_ann", clock_unix_ms() + 300, everything, 1);

    RUN_UNTIL(socket_has(s, "\"token_expiring\""));
    RUN_UNTIL(s->finished);
    assert_true(socket_has(s, "data: {\"type\":\"closed\",\"code\":4001,"));
    assert_false(socket_has(s, "retry: 1"));
    disconnect(s);
}

static void its_session_ends(void **unused)
{
    struct socket *s = listen_to_all("user_ann");

    publish(EVENT_SESSION_ENDED, "user_ann", "ses_other", "");
    publish(EVENT_SESSION_ENDED, "user_ann", "ses_1", "");
    RUN_UNTIL(s->finished);
    assert_true(socket_has(s, "\"code\":4001"));
    disconnect(s);
}

static void beat(struct socket *s)
{
    size_t beats = socket_count(s, ":\n\n");

    timer_start(&s->client->heartbeat, 1, s->client->heartbeat.fn);
    RUN_UNTIL(s->finished || socket_count(s, ":\n\n") > beats);
}

/* Nothing comes back but acknowledgements: who sends those is there. */
static void a_dead_stream_is_closed(void **unused)
{
    struct socket *alive = listen_to_all("user_ann"), *dead = listen_to_all("user_ann");
    uint64_t apart_ms = clock_ms() + TICK_MS + 5; /* from the last that it acknowledged */

    RUN_UNTIL(clock_ms() > apart_ms);
    for (int i = 0; i < 4; i++) {
        alive->acked_ms = clock_ms();
        beat(alive);
        if (!dead->finished)
            beat(dead);
    }
    assert_false(alive->finished);
    assert_true(dead->finished);
    assert_true(socket_has(dead, "\"code\":4201"));
    assert_true(socket_has(dead, "\n\nretry: "));
    disconnect(alive);
    disconnect(dead);
}

static void a_dead_stream_gives_way(void **unused)
{
    struct socket *sockets[3];

    for (size_t i = 0; i < 3; i++) {
        sockets[i] = listen_to_all("user_ann");
        sockets[i]->acked_ms = clock_ms() - 20000;
        sockets[i]->client->heard_ms = clock_ms() - 20000;
    }
    struct socket *more = listen_to("user_ann", 0, everything, 1);
    RUN_UNTIL(socket_has(sockets[2], ":\n\n"));
    sockets[0]->acked_ms = sockets[2]->acked_ms = clock_ms();
    RUN_UNTIL(socket_has(more, "\"auth_ok\""));
    assert_true(socket_has(sockets[1], "\"code\":4201"));
    assert_false(sockets[0]->finished || sockets[2]->finished);
    disconnect(more);
    for (size_t i = 0; i < 3; i++)
        disconnect(sockets[i]);
}

static void too_many_streams(void **unused)
{
    struct socket *sockets[3];

    for (size_t i = 0; i < 3; i++)
        sockets[i] = listen_to_all("user_ann");
    struct socket *more = listen_to("user_ann", 0, everything, 1);
    RUN_UNTIL(socket_has(sockets[2], ":\n\n"));
    for (size_t i = 0; i < 3; i++)
        sockets[i]->acked_ms = clock_ms();
    RUN_UNTIL(more->finished);
    assert_true(socket_has(more, "\"code\":4100,\"reason\":\"retry_ms="));
    disconnect(more);
    for (size_t i = 0; i < 3; i++)
        disconnect(sockets[i]);
}

static void a_drain_ends_it(void **unused)
{
    struct socket *s = listen_to_all("user_ann");

    realtime_drain(hub, 1000);
    RUN_UNTIL(s->finished);
    assert_true(socket_has(s, "\"code\":4200"));
    struct socket *late = listen_to("user_ann", 0, everything, 1);
    assert_true(late->finished && socket_has(late, "\"code\":4200"));
    disconnect(s);
    disconnect(late);
}

static void who_leaves_early_leaves_nothing(void **unused)
{
    for (int turns = 0; turns < 4; turns++) {
        struct socket *s = listen_to("user_ann", 0, everything, 1);

        for (int i = 0; i < turns; i++)
            uv_run(loop_get(), UV_RUN_NOWAIT);
        disconnect(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(the_messages_are_those_of_a_websocket),
        WITH_HUB(what_was_missed_comes_for_all_subscriptions_together),
        WITH_HUB(what_cannot_be_recovered_is_a_gap),
        WITH_HUB(places_are_judged),
        WITH_HUB(a_slow_stream_gets_a_gap),
        WITH_HUB(its_token_ends),
        WITH_HUB(its_session_ends),
        WITH_HUB(a_dead_stream_is_closed),
        WITH_HUB(a_dead_stream_gives_way),
        WITH_HUB(too_many_streams),
        WITH_HUB(a_drain_ends_it),
        WITH_HUB(who_leaves_early_leaves_nothing),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
