/* What a client of /realtime is told, on a recorded transport. */
#include "hub_fixture.h"

#include "realtime/client.h"
#include "realtime/place.h"

#define SUBSCRIBE_ALL "{\"type\":\"subscribe\",\"channel\":\"media_updates\"}"

static void subscribe_waits_behind_auth(void **unused)
{
    struct socket *s = connect_socket(hub, NULL);

    say(s, "{\"type\":\"auth\",\"token\":\"slow:ann\",\"id\":1}");
    say(s, "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"media_1\","
           "\"id\":2}");
    say(s, "{\"type\":\"ping\",\"id\":3}");
    RUN_UNTIL(socket_has(s, "\"pong\""));
    const char *text = socket_text(s);
    const char *welcome = strstr(text, "\"welcome\"");
    const char *ok = strstr(text, "\"auth_ok\",\"reply_to\":1,\"user_id\":\"user_ann\"");
    const char *subscribed = strstr(text, "\"subscribed\",\"reply_to\":2");
    const char *pong = strstr(text, "\"pong\",\"reply_to\":3");
    assert_true(welcome && ok && subscribed && pong);
    assert_true(welcome < ok && ok < subscribed && subscribed < pong);
    disconnect(s);
}

static void refusals_leave_the_socket_open(void **unused)
{
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"not json", "\"validation_error\""},
        {"{\"type\":\"dance\"}", "\"validation_error\""},
        {"{\"type\":\"subscribe\",\"channel\":\"nothing\",\"id\":\"x\"}",
         "\"reply_to\":\"x\",\"error\":{\"code\":\"validation_error\""},
        {"{\"type\":\"subscribe\",\"channel\":\"session\"}", "\"validation_error\""},
        {"{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"nobody\"}",
         "\"not_found\""},
        {"{\"type\":\"unsubscribe\",\"channel\":\"nothing\"}", "\"validation_error\""},
    };
    struct socket *s = connect_socket(hub, NULL);

    say(s, SUBSCRIBE_ALL);
    RUN_UNTIL(socket_has(s, "\"unauthorized\""));
    say(s, "{\"type\":\"auth\",\"token\":\"ann\"}");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        socket_forget(s);
        say(s, cases[i].text);
        RUN_UNTIL(socket_has(s, "\"type\":\"error\""));
        assert_true(socket_has(s, cases[i].answer));
    }
    assert_false(s->finished);
    disconnect(s);
}

static void wrong_credentials_end_it(void **unused)
{
    static const struct {
        const char *token, *text, *close;
    } cases[] = {
        {"bad", "\"auth_error\"", "close 4001 "},
        {"unscoped", "\"auth_error\"", "close 4001 "},
        {"down", "\"service_unavailable\"", "close 4102 retry_ms="},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct socket *s = connect_socket(hub, NULL);
        char text[128];

        snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", cases[i].token);
        say(s, text);
        say(s, SUBSCRIBE_ALL);
        RUN_UNTIL(s->finished);
        assert_true(socket_has(s, cases[i].text));
        assert_true(socket_has(s, cases[i].close));
        assert_false(socket_has(s, "\"subscribed\""));
        disconnect(s);
    }
}

static void credentials_can_come_with_the_upgrade(void **unused)
{
    const struct principal bad = {.kind = PRINCIPAL_NONE};
    const struct principal good = {.kind = PRINCIPAL_KEY,
                                   .user_id = SLICE("user_ann"),
                                   .session_id = SLICE("key_1"),
                                   .scopes = SCOPE_REALTIME};
    struct socket *s = connect_socket(hub, &good);

    run_some();
    assert_true(socket_has(s, "\"auth_ok\",\"user_id\":\"user_ann\",\"expires_at\":null"));
    disconnect(s);
    s = connect_socket(hub, &bad);
    assert_true(s->finished);
    assert_true(socket_has(s, "\"auth_error\""));
    assert_true(socket_has(s, "close 4001"));
    disconnect(s);
}

static void renewal_is_for_the_same_user(void **unused)
{
    struct socket *s = log_in("ann", SUBSCRIBE_ALL);

    say(s, "{\"type\":\"auth\",\"token\":\"slow:ann\"}");
    RUN_UNTIL(socket_has(s, "\"auth_ok\""));
    publish_media("user_ann", "media_1");
    RUN_UNTIL(socket_has(s, "\"media_1\""));
    say(s, "{\"type\":\"auth\",\"token\":\"bob\"}");
    RUN_UNTIL(s->finished);
    assert_true(socket_has(s, "close 4001"));
    disconnect(s);
}

static void events_reach_whom_they_concern(void **unused)
{
    struct socket *ann = log_in("ann", SUBSCRIBE_ALL);
    struct socket *one = log_in("ann", "{\"type\":\"subscribe\",\"channel\":\"media_updates\","
                                       "\"resource_id\":\"media_1\"}");
    struct socket *bob = log_in("bob", SUBSCRIBE_ALL);
    /* Bob may have named a resource that is not his: delivery looks again. */
    struct socket *spy = log_in("bob", "{\"type\":\"subscribe\",\"channel\":\"media_updates\","
                                       "\"resource_id\":\"media_1\"}");
    struct socket *admin = log_in("admin", SUBSCRIBE_ALL);
    struct socket *other = log_in("ann", "{\"type\":\"subscribe\",\"channel\":\"user_updates\"}");

    publish(EVENT_MEDIA_UPLOADED, "user_ann", "media_1", "{\"title\":\"x\"}");
    publish_media("user_ann", "media_2");
    run_some();
    assert_int_equal(socket_count(ann, "\"type\":\"event\""), 2);
    assert_true(socket_has(ann, "\"resource_id\":\"media_1\",\"event\":\"media.uploaded\""));
    assert_true(socket_has(ann, "\"changes\":{\"title\":\"x\"}}"));
    assert_int_equal(ann->writes, 1); /* both frames in one write */
    assert_int_equal(socket_count(one, "\"type\":\"event\""), 1);
    assert_int_equal(socket_count(admin, "\"type\":\"event\""), 2);
    assert_string_equal(socket_text(bob), "");
    assert_string_equal(socket_text(spy), "");
    assert_string_equal(socket_text(other), "");
    /* Every subscriber got the same bytes. */
    assert_string_equal(socket_text(ann), socket_text(admin));
    disconnect(ann), disconnect(one), disconnect(bob);
    disconnect(spy), disconnect(admin), disconnect(other);
}

static void one_frame_however_many_subscriptions_match(void **unused)
{
    struct socket *s = log_in("ann", SUBSCRIBE_ALL);

    say(s, "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"media_1\"}");
    say(s, SUBSCRIBE_ALL);
    say(s, "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"*\"}");
    RUN_UNTIL(socket_count(s, "\"subscribed\"") == 3);
    publish_media("user_ann", "media_1");
    RUN_UNTIL(socket_has(s, "\"event\""));
    assert_int_equal(socket_count(s, "\"type\":\"event\""), 1);
    socket_forget(s);
    say(s, "{\"type\":\"unsubscribe\",\"channel\":\"media_updates\"}");
    RUN_UNTIL(socket_has(s, "\"unsubscribed\""));
    publish_media("user_ann", "media_2");
    publish_media("user_ann", "media_1");
    run_some();
    assert_int_equal(socket_count(s, "\"type\":\"event\""), 1);
    disconnect(s);
}

static void limits_hold(void **unused)
{
    struct socket *s = log_in("ann", NULL);

    for (int i = 0; i < 6; i++) {
        char text[128];

        snprintf(
            text, sizeof text,
            "{\"type\":\"subscribe\",\"channel\":\"media_updates\",\"resource_id\":\"media_%d\"}",
            i);
        say(s, text);
    }
    RUN_UNTIL(socket_has(s, "\"rate_limited\""));
    assert_int_equal(socket_count(s, "\"subscribed\""), 5);
    disconnect(s);
}

static void messages_past_the_rate_wait(void **unused)
{
    struct socket *s = log_in("ann", NULL);
    uint64_t began_ms = clock_ms();

    for (int i = 0; i < 30; i++)
        say(s, "{\"type\":\"ping\",\"id\":8}");
    /* Whoever waits holds no fiber, and hears of events meanwhile. */
    run_some();
    assert_int_equal(fiber_count(), 0);
    assert_in_range(socket_count(s, "\"pong\""), 10, 20);
    RUN_UNTIL(socket_count(s, "\"pong\"") == 30);
    assert_in_range(clock_ms() - began_ms, 450, 4000);
    assert_false(socket_has(s, "\"error\""));
    assert_true(hub->count.paused > 0);
    /* The same in the middle of a wait. */
    for (int i = 0; i < 30; i++)
        say(s, "{\"type\":\"ping\",\"id\":8}");
    run_some();
    disconnect(s);
}

enum { SOCKETS = 3 }; /* as many as a user may have */

static void fill_up(struct socket *sockets[SOCKETS])
{
    for (size_t i = 0; i < SOCKETS; i++)
        sockets[i] = log_in("ann", NULL);
}

static void fall_silent(struct socket *sockets[SOCKETS], uint64_t ms)
{
    for (size_t i = 0; i < SOCKETS; i++)
        sockets[i]->client->heard_ms -= ms + SOCKETS - i;
}

static void disconnect_all(struct socket *sockets[SOCKETS])
{
    for (size_t i = 0; i < SOCKETS; i++)
        disconnect(sockets[i]);
}

static struct socket *one_more(bool at_the_upgrade)
{
    const struct principal ann = {.kind = PRINCIPAL_SESSION,
                                  .user_id = SLICE("user_ann"),
                                  .session_id = SLICE("ses_1"),
                                  .scopes = SCOPE_REALTIME};
    struct socket *s = connect_socket(hub, at_the_upgrade ? &ann : NULL);

    if (!at_the_upgrade)
        say(s, "{\"type\":\"auth\",\"token\":\"ann\"}");
    return s;
}

static void too_many_living_sockets(void **unused)
{
    struct socket *sockets[SOCKETS];

    fill_up(sockets);
    fall_silent(sockets, 20000);
    for (unsigned upgrade = 0; upgrade < 2; upgrade++) {
        struct socket *more = one_more(upgrade);

        for (size_t i = 0; i < SOCKETS; i++) {
            RUN_UNTIL(socket_has(sockets[i], "ping"));
            socket_forget(sockets[i]);
            assert_false(more->finished);
            send_frame(sockets[i], 0x8A, SLICE_NONE);
        }
        RUN_UNTIL(more->finished);
        assert_true(socket_has(more, "close 4100 retry_ms="));
        disconnect(more);
        RUN_UNTIL(fiber_count() == 0);
        run_some();
        uint64_t next_ms = clock_ms() + 2; /* a wait of its own */
        RUN_UNTIL(clock_ms() > next_ms);
    }
    disconnect_all(sockets);
}

/* The one that has been silent longest, and no other. */
static void a_dead_socket_gives_way(void **unused)
{
    for (unsigned upgrade = 0; upgrade < 2; upgrade++) {
        struct socket *sockets[SOCKETS];

        fill_up(sockets);
        fall_silent(sockets, 20000);
        struct socket *more = one_more(upgrade);
        RUN_UNTIL(socket_has(sockets[2], "ping"));
        send_frame(sockets[2], 0x8A, SLICE_NONE);
        RUN_UNTIL(socket_has(more, "\"auth_ok\""));
        assert_true(socket_has(sockets[0], "close 4201 retry_ms="));
        assert_false(sockets[1]->finished || sockets[2]->finished);
        disconnect(more);
        disconnect_all(sockets);
    }
}

static void who_waits_for_a_place_may_leave(void **unused)
{
    for (unsigned upgrade = 0; upgrade < 2; upgrade++) {
        struct socket *sockets[SOCKETS];

        fill_up(sockets);
        fall_silent(sockets, 20000);
        struct socket *more = one_more(upgrade);
        RUN_UNTIL(socket_has(sockets[2], "ping"));
        disconnect(more);
        RUN_UNTIL(fiber_count() == 0);
        assert_false(sockets[0]->finished);
        disconnect_all(sockets);
    }
}

/* After the machine slept: timers stood still, the wall clock did not. */
static void a_token_that_ended_meanwhile_is_noticed_at_the_heartbeat(void **unused)
{
    struct socket *s = log_in("ann", NULL), *good = log_in("ann", NULL);

    s->client->expires_ms = clock_unix_ms() - 1;
    good->client->expires_ms = clock_unix_ms() + 60000;
    timer_start(&s->client->heartbeat, 1, s->client->heartbeat.fn);
    timer_start(&good->client->heartbeat, 1, good->client->heartbeat.fn);
    RUN_UNTIL(s->finished && socket_has(good, "ping"));
    assert_true(socket_has(s, "close 4001"));
    assert_false(good->finished);
    disconnect(s);
    disconnect(good);
}

static void a_slow_client_gets_a_gap(void **unused)
{
    struct socket *slow = log_in("ann", SUBSCRIBE_ALL);
    struct socket *quick = log_in("ann", SUBSCRIBE_ALL);

    slow->blocked = true;
    for (int i = 0; i < 50; i++) {
        publish_media("user_ann", "media_1");
        run_some();
    }
    assert_true(client_queued_bytes(slow->client) <= fixture_limits.queue_bytes);
    assert_int_equal(socket_count(quick, "\"type\":\"event\""), 50);
    socket_unblock(slow);
    RUN_UNTIL(socket_has(slow, "\"gap\""));
    size_t heard = socket_count(slow, "\"type\":\"event\"");
    assert_in_range(heard, 5, 20);
    assert_int_equal(socket_count(slow, "\"gap\""), 1);
    assert_true(socket_has(slow, "\"resource_id\":null"));
    assert_true(socket_has(slow, "\"reason\":\"slow_consumer\""));
    publish_media("user_ann", "media_2");
    RUN_UNTIL(socket_has(slow, "\"media_2\""));
    assert_int_equal(socket_count(slow, "\"type\":\"event\""), heard + 1);
    disconnect(slow);
    disconnect(quick);
}

static void control_and_answers_pass_a_full_queue(void **unused)
{
    struct socket *s = log_in("ann", SUBSCRIBE_ALL);

    s->blocked = true;
    for (int i = 0; i < 50; i++) {
        publish_media("user_ann", "media_1");
        run_some();
    }
    say(s, "{\"type\":\"ping\",\"id\":77}");
    run_some();
    socket_unblock(s);
    RUN_UNTIL(socket_has(s, "\"pong\",\"reply_to\":77"));
    disconnect(s);
}

static void progress(const char *media, const char *owner, unsigned percent)
{
    const struct progress told = {.subject_id = slice_from(media),
                                  .owner = slice_from(owner),
                                  .kind = SLICE("transcode"),
                                  .job_id = SLICE("job_1"),
                                  .state = JOB_LEASED,
                                  .percent = percent};

    realtime_progress(hub, &told);
}

static void progress_is_the_latest_of_each_job(void **unused)
{
    struct socket *s = log_in("ann", "{\"type\":\"subscribe\",\"channel\":\"job_progress\"}");

    progress("media_1", "user_ann", 3);
    RUN_UNTIL(socket_has(s, "\"status\":\"running\",\"percent\":3}"));
    assert_true(socket_has(s, "\"position\":null,\"channel\":\"job_progress\","
                              "\"resource_id\":\"media_1\",\"event\":\"job.progress\""));
    s->blocked = true;
    for (unsigned i = 0; i < 100; i++) {
        progress("media_1", "user_ann", i);
        progress("media_2", "user_ann", i);
        progress("media_3", "user_bob", i);
        run_some();
    }
    socket_forget(s);
    socket_unblock(s);
    RUN_UNTIL(socket_count(s, "\"percent\":99}") == 2);
    assert_false(socket_has(s, "media_3"));
    assert_false(socket_has(s, "\"gap\""));
    disconnect(s);
}

static void an_ended_session_closes_its_sockets(void **unused)
{
    struct socket *ann = log_in("ann", NULL);
    struct socket *bob = log_in("bob", NULL);

    publish(EVENT_SESSION_ENDED, "user_ann", "ses_other", "");
    assert_false(ann->finished);
    publish(EVENT_SESSION_ENDED, "user_ann", "ses_ann", "");
    assert_true(ann->finished);
    assert_true(socket_has(ann, "close 4001"));
    assert_false(bob->finished);
    disconnect(ann);
    disconnect(bob);
}

/* Its end is told while it waits for the answer about its token, which says that it holds. */
static void a_session_that_ends_meanwhile_is_not_let_in(void **unused)
{
    struct socket *late = connect_socket(hub, NULL), *again;

    say(late, "{\"type\":\"auth\",\"token\":\"slow:ann\"}");
    run_some();
    publish(EVENT_SESSION_ENDED, "user_ann", "ses_ann", "");
    assert_false(late->finished);
    RUN_UNTIL(late->finished);
    assert_true(socket_has(late, "\"auth_error\"") && socket_has(late, "close 4001"));
    assert_false(socket_has(late, "\"auth_ok\""));
    again = connect_socket(hub, NULL); /* asked afterwards, the answer is to be believed */
    say(again, "{\"type\":\"auth\",\"token\":\"slow:ann\"}");
    run_some();
    publish(EVENT_SESSION_ENDED, "user_ann", "ses_other", "");
    RUN_UNTIL(socket_has(again, "\"auth_ok\""));
    disconnect(late);
    disconnect(again);
}

static void a_token_that_ends_is_announced(void **unused)
{
    struct socket *s = connect_socket(hub, NULL);

    say(s, "{\"type\":\"auth\",\"token\":\"late:ann\"}");
    RUN_UNTIL(socket_has(s, "\"token_expiring\""));
    RUN_UNTIL(s->finished);
    assert_true(socket_has(s, "close 4001"));
    disconnect(s);

    s = connect_socket(hub, NULL);
    say(s, "{\"type\":\"auth\",\"token\":\"late:ann\"}");
    RUN_UNTIL(socket_has(s, "\"token_expiring\""));
    say(s, "{\"type\":\"auth\",\"token\":\"ann\"}");
    RUN_UNTIL(socket_count(s, "\"auth_ok\"") == 2);
    assert_false(timer_armed(&s->client->lifetime));
    disconnect(s);
}

static void bad_frames_end_it(void **unused)
{
    static const struct {
        unsigned first;
        struct slice payload;
        const char *close;
    } cases[] = {
        {0x82, SLICE_INIT("binary"), "close 1003 "},
        {0x81, SLICE_INIT("\xFF"), "close 1007 "},
        {0xC1, SLICE_INIT("rsv"), "close 1002 "},
        {0x88, SLICE_INIT("\x03\xE8"), "close 1000 "},
        {0x88, SLICE_INIT(""), "close 0 "},
        {0x88, SLICE_INIT("\x03\xED"), "close 1002 "},
        {0x88, SLICE_INIT("\x0F\xA0x"), "close 4000 x"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct socket *s = connect_socket(hub, NULL);

        send_frame(s, cases[i].first, cases[i].payload);
        assert_true(s->finished);
        assert_true(socket_has(s, cases[i].close));
        say(s, "{\"type\":\"ping\"}"); /* after the end nothing is heard */
        run_some();
        assert_false(socket_has(s, "\"pong\""));
        disconnect(s);
    }
}

static void pings_are_answered_at_once(void **unused)
{
    struct socket *s = connect_socket(hub, NULL);

    send_frame(s, 0x89, SLICE("are you there"));
    RUN_UNTIL(socket_has(s, "pong are you there"));
    disconnect(s);
}

static void a_full_inbox_stops_the_reading(void **unused)
{
    struct socket *s = connect_socket(hub, NULL);
    unsigned said = INBOX_MAX_MESSAGES + 20;

    say(s, "{\"type\":\"auth\",\"token\":\"slow:ann\"}");
    for (unsigned i = 0; i < said; i++)
        say(s, "{\"type\":\"ping\"}");
    assert_false(s->reading);
    assert_true(s->client->stash.n > 0);
    RUN_UNTIL(s->reading);
    RUN_UNTIL(socket_count(s, "\"pong\"") == said);
    assert_int_equal(s->client->stash.size, 0);
    disconnect(s);
}

static void who_leaves_early_leaves_nothing(void **unused)
{
    struct socket *s = connect_socket(hub, NULL);

    say(s, "{\"type\":\"auth\",\"token\":\"slow:ann\"}");
    say(s, SUBSCRIBE_ALL);
    run_some();
    assert_int_equal(fiber_count(), 1);
    disconnect(s); /* in the middle of the authentication */
    expect_figure("mediahub_realtime_clients 0");
    RUN_UNTIL(fiber_count() == 0);
}

static void a_fork_is_told(void **unused)
{
    struct socket *ann = log_in("ann", SUBSCRIBE_ALL);
    struct socket *idle = log_in("ann", NULL);

    publish_media("user_ann", "media_1");
    fixture_heads[0] = (struct head){.epoch = 10, .offset = 3, .hash = "00000000000000ff"};
    realtime_forked(hub, 0, &fixture_heads[0]);
    RUN_UNTIL(socket_has(ann, "\"reason\":\"history_forked\""));
    fixture_heads[0].offset = 50;
    realtime_forked(hub, 0, &fixture_heads[0]);
    RUN_UNTIL(socket_has(ann, "\"reason\":\"history_gone\""));
    publish_media("user_ann", "media_2");
    RUN_UNTIL(socket_has(ann, "\"media_2\""));
    assert_string_equal(socket_text(idle), "");
    disconnect(ann);
    disconnect(idle);
}

static void draining_spreads_the_closes(void **unused)
{
    struct socket *sockets[3];

    for (size_t i = 0; i < COUNT_OF(sockets); i++)
        sockets[i] = log_in("ann", NULL);
    realtime_drain(hub, 90);
    uint64_t began_ms = clock_ms();
    RUN_UNTIL(sockets[0]->finished && sockets[1]->finished && sockets[2]->finished);
    assert_in_range(clock_ms() - began_ms, 50, 2000);
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        assert_true(socket_has(sockets[i], "close 4200 retry_ms="));
        disconnect(sockets[i]);
    }
    struct socket *late = connect_socket(hub, NULL);
    assert_true(late->finished);
    assert_true(socket_has(late, "close 4200 retry_ms="));
    disconnect(late);
}

static void idle_clients_are_small(void **unused)
{
    assert_in_range(sizeof(struct client), 1, 900);
}

static void figures_are_told(void **unused)
{
    struct socket *s = log_in("ann", SUBSCRIBE_ALL);

    publish_media("user_ann", "media_1");
    run_some();
    expect_figure("mediahub_realtime_clients 1");
    expect_figure("mediahub_realtime_subscriptions 1");
    expect_figure("mediahub_realtime_encoded_total 1");
    expect_figure("mediahub_realtime_lag_seconds_count 1");
    assert_true(realtime_canary_age_ms(hub) == UINT64_MAX);
    realtime_canary(hub, clock_unix_ms());
    assert_true(realtime_canary_age_ms(hub) < 1000);
    disconnect(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(subscribe_waits_behind_auth),
        WITH_HUB(refusals_leave_the_socket_open),
        WITH_HUB(wrong_credentials_end_it),
        WITH_HUB(credentials_can_come_with_the_upgrade),
        WITH_HUB(renewal_is_for_the_same_user),
        WITH_HUB(events_reach_whom_they_concern),
        WITH_HUB(one_frame_however_many_subscriptions_match),
        WITH_HUB(limits_hold),
        WITH_HUB(messages_past_the_rate_wait),
        WITH_HUB(too_many_living_sockets),
        WITH_HUB(a_dead_socket_gives_way),
        WITH_HUB(who_waits_for_a_place_may_leave),
        WITH_HUB(a_token_that_ended_meanwhile_is_noticed_at_the_heartbeat),
        WITH_HUB(a_slow_client_gets_a_gap),
        WITH_HUB(control_and_answers_pass_a_full_queue),
        WITH_HUB(progress_is_the_latest_of_each_job),
        WITH_HUB(an_ended_session_closes_its_sockets),
        WITH_HUB(a_session_that_ends_meanwhile_is_not_let_in),
        WITH_HUB(a_token_that_ends_is_announced),
        WITH_HUB(bad_frames_end_it),
        WITH_HUB(pings_are_answered_at_once),
        WITH_HUB(a_full_inbox_stops_the_reading),
        WITH_HUB(who_leaves_early_leaves_nothing),
        WITH_HUB(a_fork_is_told),
        WITH_HUB(draining_spreads_the_closes),
        WITH_HUB(idle_clients_are_small),
        WITH_HUB(figures_are_told),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
