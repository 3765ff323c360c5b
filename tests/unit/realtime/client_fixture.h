/* client_fixture.h: clients on a recorded transport: what they are sent is kept as text, a message
 * a line, and the socket can be made to take nothing. Tokens of the hooks: "bad", "down", "slow:"
 * and "late:" before a user, "admin" (an admin), anything else is a user of that name. */
#pragma once

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/memory.h"
#include "realtime/client_life.h"
#include "realtime/realtime.h"

#include <stdio.h>
#include <string.h>

struct socket {
    struct client *client;
    struct buf wire;  /* not yet read by decode() */
    struct buf lines; /* what came, a message a line; closes as "close CODE REASON" */
    size_t writes, stuck;
    uint64_t acked_ms; /* clock_ms() of its last acknowledgement */
    bool blocked, want, finished, reading;
    bool stream; /* of server-sent events: lines are as they came */
};

static bool socket_write(void *connection, struct slice bytes)
{
    struct socket *s = connection;

    assert_false(s->finished);
    s->writes++;
    assert_true(buf_add(&s->wire, bytes));
    if (s->blocked)
        s->stuck += bytes.n;
    return true;
}

static size_t socket_backlog(const void *connection)
{
    return ((const struct socket *)connection)->stuck;
}

static void socket_want_writable(void *connection)
{
    ((struct socket *)connection)->want = true;
}

static void socket_set_reading(void *connection, bool on)
{
    ((struct socket *)connection)->reading = on;
}

static uint64_t socket_silent_ms(const void *connection)
{
    return clock_ms() - ((const struct socket *)connection)->acked_ms;
}

static void socket_finish(void *connection)
{
    ((struct socket *)connection)->finished = true;
}

static const struct transport recorded = {socket_write,         socket_backlog,
                                          socket_want_writable, socket_set_reading,
                                          socket_silent_ms,     socket_finish};

/* Server frames are whole, unmasked and final. */
static void socket_decode(struct socket *s)
{
    struct slice in = buf_slice(&s->wire);

    if (s->stream) {
        buf_add(&s->lines, in);
        in = SLICE_NONE;
    }
    while (in.n) {
        const uint8_t *p = (const uint8_t *)in.p;
        size_t n = p[1], head = 2;

        if (n == 126)
            n = (size_t)p[2] << 8 | p[3], head = 4;
        assert_true(n < 65536 && in.n >= head + n && (p[0] & 0xF0) == 0x80);
        struct slice payload = {in.p + head, n};
        if (p[0] == 0x88)
            buf_printf(&s->lines, "close %u %.*s\n",
                       n < 2 ? 0 : (unsigned)(p[head] << 8 | p[head + 1]), n < 2 ? 0 : (int)(n - 2),
                       n < 2 ? "" : payload.p + 2);
        else if (p[0] == 0x81)
            buf_printf(&s->lines, "%.*s\n", SLICE_ARG(payload));
        else
            buf_printf(&s->lines, "%s %.*s\n", p[0] == 0x89 ? "ping" : "pong", SLICE_ARG(payload));
        in = slice_from_offset(in, head + n);
    }
    buf_clear(&s->wire);
}

static const char *socket_text(struct socket *s)
{
    socket_decode(s);
    buf_add_char(&s->lines, '\0');
    s->lines.n--;
    return buf_slice(&s->lines).p;
}

static bool socket_has(struct socket *s, const char *text)
{
    return strstr(socket_text(s), text) != NULL;
}

static size_t socket_count(struct socket *s, const char *text)
{
    size_t n = 0;

    for (const char *p = socket_text(s); (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}

static void socket_forget(struct socket *s)
{
    socket_decode(s);
    buf_clear(&s->lines);
    s->writes = 0;
}

static void send_frame(struct socket *s, unsigned first, struct slice payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    struct buf bytes;

    buf_init(&bytes, 1 << 20);
    buf_add_char(&bytes, (char)first);
    if (payload.n < 126) {
        buf_add_char(&bytes, (char)(0x80 | payload.n));
    } else {
        buf_add_char(&bytes, (char)(0x80 | 126));
        buf_add_char(&bytes, (char)(payload.n >> 8));
        buf_add_char(&bytes, (char)payload.n);
    }
    buf_add(&bytes, (struct slice){(const char *)mask, 4});
    for (size_t i = 0; i < payload.n; i++)
        buf_add_char(&bytes, (char)((uint8_t)payload.p[i] ^ mask[i & 3]));
    client_bytes(s->client, buf_slice(&bytes));
    buf_fini(&bytes);
}

static void say(struct socket *s, const char *text)
{
    send_frame(s, 0x81, slice_from(text));
}

/* The kernel takes all again. */
static void socket_unblock(struct socket *s)
{
    s->blocked = false;
    s->stuck = 0;
    if (s->want && s->client) {
        s->want = false;
        client_writable(s->client);
    }
}

static struct head fixture_heads[8];
static bool fixture_started = true;

static enum err hook_authenticate(void *arg, struct task *task, struct slice token,
                                  struct principal *out)
{
    uint64_t expires_ms = 0, asked_us = clock_us();

    if (slice_eq(token, SLICE("bad")))
        return ERR_UNAUTHORIZED;
    if (slice_eq(token, SLICE("down")))
        return ERR_STATE_UNAVAILABLE;
    if (slice_starts_with(token, SLICE("slow:"))) {
        fiber_sleep(30);
        token = slice_from_offset(token, 5);
    }
    if (slice_starts_with(token, SLICE("late:"))) {
        token = slice_from_offset(token, 5);
        expires_ms = clock_unix_ms() + 300;
    }
    *out = (struct principal){
        .kind = PRINCIPAL_SESSION,
        .user_id = arena_printf(task->arena, "user_%.*s", SLICE_ARG(token)),
        .session_id = arena_printf(task->arena, "ses_%.*s", SLICE_ARG(token)),
        .scopes = slice_eq(token, SLICE("unscoped")) ? SCOPE_MEDIA_READ : SCOPE_ALL_USER,
        .admin = slice_eq(token, SLICE("admin")),
        .expires_ms = expires_ms,
        .asked_us = asked_us,
    };
    return OK;
}

/* Only resources that begin with "media_" exist. */
static enum err hook_may_see(void *arg, struct task *task, const struct principal *principal,
                             struct slice channel, struct slice resource_id)
{
    fiber_sleep(1);
    return slice_starts_with(resource_id, SLICE("media_")) ? OK : ERR_NOT_FOUND;
}

static bool hook_head(void *arg, unsigned partition, struct head *out)
{
    *out = fixture_heads[partition];
    return fixture_started;
}

static const struct realtime_hooks fixture_hooks = {NULL, hook_authenticate, hook_may_see,
                                                    hook_head};
static const struct realtime_limits fixture_limits = {
    .queue_bytes = 4096,
    .messages_per_s = 20,
    .subscriptions = 5,
    .sockets_per_user = 3,
    .ring_events = 100,
};

static struct socket *connect_socket(struct realtime *hub, const struct principal *already)
{
    struct socket *s = MEM_NEW(struct socket);

    buf_init(&s->wire, 64 << 20);
    buf_init(&s->lines, 64 << 20);
    s->reading = true;
    s->client = client_open(hub, &recorded, s, already);
    return s;
}

static void disconnect(struct socket *s)
{
    client_gone(s->client);
    buf_fini(&s->wire);
    buf_fini(&s->lines);
    mem_free(s);
}
