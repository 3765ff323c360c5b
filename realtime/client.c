#include "realtime/client.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/memory.h"
#include "base/text.h"
#include "realtime/inbox.h"
#include "realtime/latest.h"
#include "realtime/place.h"
#include "realtime/subscription.h"

#include <assert.h>
#include <string.h>

enum { SESSION_ID_BYTES = 12, RETRY_SPREAD_MS = 5000, MS = 1000 };

bool client_over(const struct client *client)
{
    return client->closing || !client->connection;
}

bool client_may_hear(const struct client *client, struct slice owner)
{
    return client->user && (client->admin || slice_eq(client->user->entry.key, owner));
}

size_t client_queued_bytes(const struct client *client)
{
    return client->outbox.bytes +
           (client->connection ? client->transport->backlog(client->connection) : 0);
}

void client_send(struct client *client, struct frame *frame)
{
    if (!client_over(client)) {
        outbox_add(&client->outbox, frame);
        flush_want(client->hub, client);
    }
    frame_unref(frame);
}

/* That publications of this channel were left out is told once the queue has room. */
static void lose(struct client *client, int channel)
{
    uint64_t sequence = client->hub->latest.sequence;

    if (!client->lost)
        client->latest_seen = sequence ? sequence - 1 : 0; /* what is left out counts already */
    client->lost |= 1u << channel;
    client->hub->count.dropped++;
}

void client_offer(struct client *client, struct frame *frame, int channel)
{
    size_t queued = client_queued_bytes(client);

    if (client_over(client))
        return;
    if ((client->lost & 1u << channel) ||
        (queued && queued + frame->n > client->hub->limits.queue_bytes)) {
        lose(client, channel);
        return;
    }
    outbox_add(&client->outbox, frame);
    flush_want(client->hub, client);
}

static void send_gap(struct client *client, int channel, struct slice reason)
{
    struct arena *arena = arena_new();

    client_send(client,
                message_gap(channel_row(channel)->name, hub_position(client->hub, arena), reason));
    client->hub->count.gaps++;
    arena_free(arena);
}

void client_send_gaps(struct client *client, struct slice reason)
{
    uint32_t told = 0;

    for (const struct subscription *s = client->subscriptions; s; s = s->client_next) {
        uint32_t bit = 1u << s->channel;

        if ((told & bit) || !channel_row(s->channel)->has_history)
            continue;
        told |= bit;
        send_gap(client, s->channel, reason);
    }
    client->lost &= ~told;
}

/* The queue was full and is empty now: says what was left out, or sends the latest of it. */
static void make_up_losses(struct client *client)
{
    uint32_t lost = client->lost;

    client->lost = 0;
    for (int channel = 0; lost; channel++, lost >>= 1) {
        if (!(lost & 1))
            continue;
        if (channel_row(channel)->policy == CHANNEL_LATEST)
            latest_resend(client, client->latest_seen);
        else
            send_gap(client, channel, SLICE("slow_consumer"));
    }
}

static void wake_fiber(struct client *client)
{
    struct fiber_wait *wait = client->drained;

    client->drained = NULL;
    if (wait)
        fiber_resume(wait);
}

void client_settled(struct client *client)
{
    if (client->closing)
        return;
    timer_stop(&client->patience);
    make_up_losses(client);
    wake_fiber(client);
}

static void on_patience_end(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, patience);

    client_close(client, CLOSE_SLOW_CONSUMER, SLICE_NONE);
}

void client_stalled(struct client *client)
{
    if (client->closing)
        return;
    client->transport->want_writable(client->connection);
    if (!timer_armed(&client->patience))
        timer_start(&client->patience, PATIENCE_MS, on_patience_end);
}

bool client_await_drained(struct task *task, struct client *client)
{
    struct fiber_wait wait = {0};

    if (client_over(client))
        return false;
    assert(!client->drained);
    client->drained = &wait;
    flush_want(client->hub, client);
    enum fiber_wake woken = fiber_await(&wait, 2 * PATIENCE_MS);
    client->drained = NULL;
    return woken == FIBER_DONE && !client_over(client);
}

static void count_close(struct counters *count, unsigned code)
{
    if (code >= 4000 && code < 4100)
        count->closed_never++;
    else if (code >= 4100 && code < 4200)
        count->closed_later++;
    else if (code >= 4200 && code < 4300)
        count->closed_now++;
    else
        count->closed_other++;
}

/* How long to stay away: "later" means seconds, "now" a slot within the window of the drain. */
static uint64_t retry_ms(const struct client *client, unsigned code)
{
    uint64_t window_ms = client->hub->drain_window_ms;

    if (code >= 4200)
        return random_below(code == CLOSE_DRAINING && window_ms ? window_ms : MS);
    return RETRY_SPREAD_MS + random_below(RETRY_SPREAD_MS);
}

static void leave_user(struct client *client)
{
    struct user *user = client->user;

    if (!user)
        return;
    client->user = NULL;
    *(client->user_prev ? &client->user_prev->user_next : &user->clients) = client->user_next;
    if (client->user_next)
        client->user_next->user_prev = client->user_prev;
    if (--user->sockets)
        return;
    table_remove(&client->hub->users, &user->entry);
    mem_free(user);
}

static void drop_arrival(struct client *client)
{
    if (client->arrival)
        arena_free(client->arrival->arena);
    client->arrival = NULL;
}

/* Nothing is delivered to it any more, and nothing will happen by itself. */
static void detach(struct client *client)
{
    subscription_remove_all(client);
    leave_user(client);
    timer_stop(&client->heartbeat);
    timer_stop(&client->lifetime);
    timer_stop(&client->patience);
    timer_stop(&client->pace);
    inbox_clear(client);
    drop_arrival(client);
    if (client->task)
        client->task->cancelled = true;
    wake_fiber(client);
}

void client_close(struct client *client, unsigned code, struct slice reason)
{
    struct arena *arena;

    if (client_over(client))
        return;
    arena = arena_new();
    if (code >= 4100 && code < 4300)
        reason = arena_printf(arena, "retry_ms=%llu", (unsigned long long)retry_ms(client, code));
    client_send(client, frame_close(code, reason));
    arena_free(arena);
    client->closing = true;
    count_close(&client->hub->count, code);
    detach(client);
    flush_last(client->hub, client);
    client->transport->finish(client->connection);
}

static void on_expiry(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, lifetime);
    uint64_t now_ms = clock_unix_ms();

    if (now_ms >= client->expires_ms) {
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The token has expired."));
        return;
    }
    if (!client->told_expiring) {
        client->told_expiring = true;
        client_send(client, message_token_expiring(client->expires_ms));
    }
    timer_start(timer, client->expires_ms - now_ms, on_expiry);
}

static void arm_expiry(struct client *client)
{
    uint64_t now_ms = clock_unix_ms();
    uint64_t notice_ms = client->expires_ms - EXPIRING_MS;

    client->told_expiring = false;
    timer_stop(&client->lifetime);
    if (client->expires_ms == 0)
        return;
    timer_start(&client->lifetime,
                client->expires_ms > EXPIRING_MS && notice_ms > now_ms ? notice_ms - now_ms : 0,
                on_expiry);
}

struct user *user_find(struct realtime *hub, struct slice user_id)
{
    struct table_entry *entry = table_find(&hub->users, user_id);

    return entry ? CONTAINER_OF(entry, struct user, entry) : NULL;
}

static void join_user(struct client *client, struct slice user_id)
{
    struct realtime *hub = client->hub;
    struct user *user = user_find(hub, user_id);

    if (!user) {
        user = mem_alloc(sizeof *user + user_id.n);
        memcpy(user->id, user_id.p, user_id.n);
        table_add(&hub->users, &user->entry, (struct slice){user->id, user_id.n});
    }
    client->user = user;
    client->user_prev = NULL;
    client->user_next = user->clients;
    if (user->clients)
        user->clients->user_prev = client;
    user->clients = client;
    user->sockets++;
}

static void keep_session_id(struct client *client, struct slice session_id)
{
    char *copy = mem_alloc(session_id.n);

    if (session_id.n)
        memcpy(copy, session_id.p, session_id.n);
    mem_free((void *)(uintptr_t)client->session_id.p);
    client->session_id = (struct slice){copy, session_id.n};
}

void client_admit(struct task *task, struct client *client, const struct principal *principal,
                  const struct command *answered)
{
    if (!client->user && !place_await(task, client, principal->user_id)) {
        client_close(client, CLOSE_TOO_MANY_SOCKETS, SLICE_NONE);
        return;
    }
    if (!client->user)
        join_user(client, principal->user_id);
    keep_session_id(client, principal->session_id);
    client->partition = principal->partition;
    client->expires_ms = principal->expires_ms;
    if (client->admin != principal->admin) {
        client->admin = principal->admin;
        subscription_move_all(client);
    }
    arm_expiry(client);
    client_send(client, message_auth_ok(answered, principal->user_id, principal->expires_ms));
}

static void on_auth_timeout(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, lifetime);

    client_close(client, CLOSE_AUTH_TIMEOUT, SLICE("No valid auth message came in time."));
}

static void on_heartbeat(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, heartbeat);

    /* The timer of the token's end stood still while the machine slept. */
    if (client->expires_ms && clock_unix_ms() >= client->expires_ms) {
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The token has expired."));
        return;
    }
    if (client->unanswered >= HEARTBEAT_MISSES) {
        client_close(client, CLOSE_HEARTBEAT, SLICE_NONE);
        return;
    }
    if (client->reading) /* whom we do not read we do not hear */
        client->unanswered++;
    client_send(client, frame_ref(client->hub->ping));
    timer_start(timer, HEARTBEAT_S * MS, on_heartbeat);
}

static void send_welcome(struct client *client)
{
    struct arena *arena = arena_new();
    uint8_t bytes[SESSION_ID_BYTES];

    random_bytes(bytes, sizeof bytes);
    client_send(client, message_welcome(text_hex(arena, bytes, sizeof bytes)));
    arena_free(arena);
}

/* Goes on in the inbox's fiber, before any message. */
static void arrive(struct client *client, const struct principal *already)
{
    struct arena *arena = arena_new();
    struct arrival *arrival = ARENA_NEW(arena, struct arrival);

    *arrival = (struct arrival){arena, *already};
    arrival->principal.own = NULL;
    arrival->principal.user_id = arena_dup(arena, already->user_id);
    arrival->principal.session_id = arena_dup(arena, already->session_id);
    client->arrival = arrival;
    inbox_work(client);
}

static void greet(struct client *client, const struct principal *already)
{
    send_welcome(client);
    /* The first beat comes early by a random part, so that sockets that were opened together do
     * not beat together for ever. */
    timer_start(&client->heartbeat, HEARTBEAT_S * MS / 2 + random_below(HEARTBEAT_S * MS / 2),
                on_heartbeat);
    timer_start(&client->lifetime, AUTH_TIMEOUT_S * MS, on_auth_timeout);
    if (!already)
        return;
    if (already->kind == PRINCIPAL_NONE || !(already->scopes & SCOPE_REALTIME)) {
        client_send(client, message_auth_error(NULL, SLICE_NONE));
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The credentials are not valid."));
    } else {
        arrive(client, already);
    }
}

struct client *client_open(struct realtime *hub, const struct transport *transport,
                           void *connection, const struct principal *already)
{
    struct client *client = MEM_NEW(struct client);

    client->magic = CLIENT_MAGIC;
    client->refs = 1;
    client->hub = hub;
    hub->refs++;
    client->transport = transport;
    client->connection = connection;
    client->reading = true;
    client->heard_ms = clock_ms();
    client->inbox_last = &client->inbox;
    websocket_init(&client->ws);
    outbox_init(&client->outbox);
    buf_init(&client->stash, STASH_MAX_BYTES);
    client->next = hub->clients;
    if (client->next)
        client->next->prev = client;
    hub->clients = client;
    hub->client_count++;
    hub->count.opened++;
    if (hub->draining)
        client_close(client, CLOSE_DRAINING, SLICE_NONE);
    else
        greet(client, already);
    return client;
}

void client_bytes(struct client *client, struct slice bytes)
{
    mem_check(client, CLIENT_MAGIC, "client");
    client->unanswered = 0;
    client->heard_ms = clock_ms();
    client->probed = false;
    if (!client_over(client))
        inbox_take(client, bytes);
}

void client_writable(struct client *client)
{
    mem_check(client, CLIENT_MAGIC, "client");
    if (client->outbox.n == 0 && !client_over(client) &&
        client->transport->backlog(client->connection) == 0)
        client_settled(client);
    else
        flush_want(client->hub, client);
}

void client_unref(struct client *client)
{
    if (--client->refs)
        return;
    outbox_clear(&client->outbox);
    websocket_fini(&client->ws);
    buf_fini(&client->stash);
    mem_free((void *)(uintptr_t)client->session_id.p);
    hub_unref(client->hub);
    client->magic = 0;
    mem_free(client);
}

void client_gone(struct client *client)
{
    struct realtime *hub = client->hub;

    mem_check(client, CLIENT_MAGIC, "client");
    client->connection = NULL;
    detach(client);
    flush_forget(hub, client);
    *(client->prev ? &client->prev->next : &hub->clients) = client->next;
    if (client->next)
        client->next->prev = client->prev;
    hub->client_count--;
    client_unref(client);
}
