#include "realtime/client_life.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/memory.h"
#include "base/text.h"
#include "realtime/client_close.h"
#include "realtime/gap.h"
#include "realtime/serving.h"

enum { SESSION_ID_BYTES = 12, MS = 1000 };

/* Of a stream, until its close says otherwise. */
#define FIRST_RETRY_MS SLICE("2000")

void client_settled(struct client *client)
{
    if (client->sink.ended)
        return;
    timer_stop(&client->patience);
    gap_make_up(client);
    client_wake(client);
}

static void on_patience_end(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, patience);

    client_close(client, CLOSE_SLOW_CONSUMER, SLICE_NONE);
}

void client_stalled(struct client *client)
{
    if (client->sink.ended)
        return;
    client->sink.transport->want_writable(client->sink.connection);
    if (!timer_armed(&client->patience))
        timer_start(&client->patience, PATIENCE_MS, on_patience_end);
}

static void on_auth_timeout(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, lifetime);

    client_close(client, CLOSE_AUTH_TIMEOUT, SLICE("No valid auth message came in time."));
}

static uint64_t heartbeat_ms(const struct client *client)
{
    return (client_is_stream(client) ? STREAM_HEARTBEAT_S : HEARTBEAT_S) * MS;
}

static void on_heartbeat(struct timer *timer)
{
    struct client *client = CONTAINER_OF(timer, struct client, heartbeat);

    /* The timer of the token's end stood still while the machine slept. */
    if (client->expires_ms && clock_unix_ms() >= client->expires_ms) {
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The token has expired."));
        return;
    }
    client_listen_to(client);
    if (client->unanswered >= HEARTBEAT_MISSES) {
        client_close(client, CLOSE_HEARTBEAT, SLICE_NONE);
        return;
    }
    if (client->reading) /* whom we do not read we do not hear */
        client->unanswered++;
    client_send(client, message_ref(client->hub->ping));
    client->pinged_ms = clock_ms();
    timer_start(timer, heartbeat_ms(client), on_heartbeat);
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
static void arrive(struct client *client, const struct principal *already,
                   const struct command *places, size_t n)
{
    struct arena *arena = arena_new();
    struct arrival *arrival = ARENA_NEW(arena, struct arrival);

    *arrival = (struct arrival){arena, *already, ARENA_ARRAY(arena, struct command, n), n};
    arrival->principal.own = NULL;
    arrival->principal.user_id = arena_dup(arena, already->user_id);
    arrival->principal.session_id = arena_dup(arena, already->session_id);
    for (size_t i = 0; i < n; i++) {
        arrival->places[i] = places[i];
        arrival->places[i].channel = arena_dup(arena, places[i].channel);
        arrival->places[i].resource_id = arena_dup(arena, places[i].resource_id);
        arrival->places[i].since = arena_dup(arena, places[i].since);
    }
    client->arrival = arrival;
    serving_start(client);
}

/* The first beat comes early by a random part, so that sockets that were opened together do not
 * beat together for ever. */
static void start_beating(struct client *client)
{
    uint64_t half_ms = heartbeat_ms(client) / 2;

    timer_start(&client->heartbeat, half_ms + random_below(half_ms), on_heartbeat);
}

static void greet(struct client *client, const struct principal *already)
{
    send_welcome(client);
    start_beating(client);
    timer_start(&client->lifetime, AUTH_TIMEOUT_S * MS, on_auth_timeout);
    if (!already)
        return;
    if (already->kind == PRINCIPAL_NONE || !(already->scopes & SCOPE_REALTIME)) {
        client_send(client, message_auth_error(NULL, SLICE_NONE));
        client_close(client, CLOSE_UNAUTHORIZED, SLICE("The credentials are not valid."));
    } else {
        arrive(client, already, NULL, 0);
    }
}

static struct client *begin(struct realtime *hub, const struct transport *transport,
                            void *connection, enum encoding encoding)
{
    struct client *client = MEM_NEW(struct client);

    client->magic = CLIENT_MAGIC;
    client->refs = 1;
    client->hub = hub;
    hub->refs++;
    sink_init(&client->sink, transport, connection, encoding);
    client->reading = true;
    client->heard_ms = clock_ms();
    inbox_init(&client->inbox);
    websocket_init(&client->ws);
    buf_init(&client->stash, STASH_MAX_BYTES);
    client->next = hub->clients;
    if (client->next)
        client->next->prev = client;
    hub->clients = client;
    hub->client_count++;
    hub->stream_count += client_is_stream(client);
    hub->count.opened++;
    if (hub->draining)
        client_close(client, CLOSE_DRAINING, SLICE_NONE);
    return client;
}

struct client *client_open(struct realtime *hub, const struct transport *transport,
                           void *connection, const struct principal *already)
{
    struct client *client = begin(hub, transport, connection, ENCODING_WEBSOCKET);

    if (!client_over(client))
        greet(client, already);
    return client;
}

struct client *client_open_stream(struct realtime *hub, const struct transport *transport,
                                  void *connection, bool chunked, const struct principal *principal,
                                  const struct command *places, size_t n)
{
    struct client *client =
        begin(hub, transport, connection, chunked ? ENCODING_SSE_CHUNKED : ENCODING_SSE);

    if (client_over(client))
        return client;
    client_send(client, message_retry(FIRST_RETRY_MS));
    start_beating(client);
    arrive(client, principal, places, n);
    return client;
}

void client_bytes(struct client *client, struct slice bytes)
{
    mem_check(client, CLIENT_MAGIC, "client");
    client->unanswered = 0;
    client->heard_ms = clock_ms();
    client->probed = false;
    if (!client_over(client) && !client_is_stream(client)) /* what follows its request is nothing */
        serving_take(client, bytes);
}

void client_writable(struct client *client)
{
    mem_check(client, CLIENT_MAGIC, "client");
    if (client->sink.outbox.n == 0 && !client_over(client) &&
        client->sink.transport->backlog(client->sink.connection) == 0)
        client_settled(client);
    else
        flush_want(&client->hub->flush, &client->sink);
}

void client_gone(struct client *client)
{
    struct realtime *hub = client->hub;

    mem_check(client, CLIENT_MAGIC, "client");
    client->sink.connection = NULL;
    client_detach(client);
    flush_forget(&hub->flush, &client->sink);
    *(client->prev ? &client->prev->next : &hub->clients) = client->next;
    if (client->next)
        client->next->prev = client->prev;
    hub->client_count--;
    hub->stream_count -= client_is_stream(client);
    client_unref(client);
}
