/* hub_fixture.h: a hub whose stream of events is the test's own, for clients of client_fixture.h.
 */
#pragma once

#include "client_fixture.h"

#include "realtime/client.h"
#include "realtime/metrics.h"

/* Keeps poll from sleeping past what RUN_UNTIL() looks at. */
static uv_timer_t fixture_tick;

static void on_fixture_tick(uv_timer_t *timer)
{
}

static void fixture_open(void)
{
    loop_init(64);
    uv_timer_init(loop_get(), &fixture_tick);
    uv_timer_start(&fixture_tick, on_fixture_tick, 5, 5);
}

static void fixture_close(void)
{
    uv_close((uv_handle_t *)&fixture_tick, NULL);
    assert_true(loop_fini());
}

/* Turns of the loop, until the condition holds or 5 s have passed. */
#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        uint64_t run_until_ms = clock_ms() + 5000;                                                 \
        while (!(condition)) {                                                                     \
            assert_true(clock_ms() < run_until_ms);                                                \
            uv_run(loop_get(), UV_RUN_ONCE);                                                       \
        }                                                                                          \
    } while (0)

/* Lets everything that is ready happen: a fiber's step, its answer, the flush. */
static void run_some(void)
{
    for (int i = 0; i < 6; i++)
        uv_run(loop_get(), UV_RUN_NOWAIT);
}

static struct state fixture_state = {.partitions = 1};
static struct realtime *hub;

static int open_hub(void **unused)
{
    fixture_open();
    memset(fixture_heads, 0, sizeof fixture_heads);
    fixture_heads[0] = (struct head){.epoch = 9, .offset = 100};
    memset(fixture_heads[0].hash, 'a', 16);
    fixture_started = true;
    hub = realtime_new(&fixture_state, &fixture_hooks, &fixture_limits);
    return 0;
}

/* A line of the metrics. */
static void expect_figure(const char *line)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    realtime_metrics(hub, &out);
    buf_add_char(&out, '\0');
    const char *at = strstr(buf_slice(&out).p, line);
    if (!at || at[-1] != '\n' || at[strlen(line)] != '\n')
        fail_msg("no line \"%s\" in:\n%s", line, buf_slice(&out).p);
    buf_fini(&out);
}

static int close_hub(void **unused)
{
    RUN_UNTIL(fiber_count() == 0);
    expect_figure("mediahub_realtime_clients 0");
    realtime_free(hub);
    fixture_close();
    return 0;
}

/* As the stream's reader does: its head is at the event already. */
static void publish(enum event_type type, const char *owner, const char *resource,
                    const char *changes)
{
    struct arena *arena = arena_new();
    struct event event = {.type = type,
                          .id = SLICE("evt_x"),
                          .owner = slice_from(owner),
                          .resource = slice_from(resource),
                          .resource_type = SLICE("image"),
                          .changes = slice_from(changes),
                          .timestamp_ms = clock_unix_ms(),
                          .offset = ++fixture_heads[0].offset};

    snprintf(fixture_heads[0].hash, 17, "%016llx", (unsigned long long)event.offset);
    memcpy(event.hash, fixture_heads[0].hash, sizeof event.hash);
    event.body = event_body(arena, &event);
    realtime_publish(hub, &event);
    arena_free(arena);
}

static void publish_media(const char *owner, const char *resource)
{
    publish(EVENT_MEDIA_UPDATED, owner, resource, "");
}

static struct socket *log_in(const char *token, const char *subscription)
{
    struct socket *s = connect_socket(hub, NULL);
    char text[256];

    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", token);
    say(s, text);
    RUN_UNTIL(socket_has(s, "\"auth_ok\""));
    if (subscription) {
        say(s, subscription);
        RUN_UNTIL(socket_has(s, "\"subscribed\""));
    }
    socket_forget(s);
    return s;
}

#define WITH_HUB(fn) cmocka_unit_test_setup_teardown(fn, open_hub, close_hub)
