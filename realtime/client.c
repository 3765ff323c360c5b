#include "realtime/client.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>

bool client_over(const struct client *client)
{
    return sink_over(&client->sink);
}

bool client_may_hear(const struct client *client, struct slice owner)
{
    return client->user && (client->admin || slice_eq(client->user->entry.key, owner));
}

bool client_is_stream(const struct client *client)
{
    return client->sink.encoding != ENCODING_WEBSOCKET;
}

void client_listen_to(struct client *client)
{
    uint64_t now_ms = clock_ms(), silent_ms;

    if (!client_is_stream(client) || client_over(client))
        return;
    silent_ms = client->sink.transport->silent_ms(client->sink.connection);
    if (silent_ms < now_ms && now_ms - silent_ms > client->heard_ms)
        client->heard_ms = now_ms - silent_ms;
    if (client->heard_ms + TICK_MS >= client->pinged_ms)
        client->unanswered = 0;
    if (client->heard_ms + TICK_MS >= client->probed_ms)
        client->probed = false;
}

size_t client_queued_bytes(const struct client *client)
{
    return sink_queued_bytes(&client->sink);
}

static void put(struct client *client, struct message *message)
{
    sink_add(&client->sink, message);
    flush_want(&client->hub->flush, &client->sink);
}

void client_send(struct client *client, struct message *message)
{
    if (!client_over(client))
        put(client, message);
    message_unref(message);
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

void client_offer(struct client *client, struct message *message, int channel)
{
    size_t queued = sink_queued_bytes(&client->sink);

    if (sink_over(&client->sink))
        return;
    if ((client->lost & 1u << channel) ||
        (queued && queued + message_bytes(message, client->sink.encoding).n >
                       client->hub->limits.queue_bytes))
        lose(client, channel);
    else
        put(client, message);
}

void client_wake(struct client *client)
{
    struct fiber_wait *wait = client->drained;

    client->drained = NULL;
    if (wait)
        fiber_resume(wait);
}

bool client_await_drained(struct task *task, struct client *client)
{
    struct fiber_wait wait = {0};

    if (client_over(client))
        return false;
    assert(!client->drained);
    client->drained = &wait;
    flush_want(&client->hub->flush, &client->sink);
    enum fiber_wake woken = fiber_await(&wait, 2 * PATIENCE_MS);
    client->drained = NULL;
    return woken == FIBER_DONE && !client_over(client);
}

struct user *user_find(struct realtime *hub, struct slice user_id)
{
    struct table_entry *entry = table_find(&hub->users, user_id);

    return entry ? CONTAINER_OF(entry, struct user, entry) : NULL;
}

void client_unref(struct client *client)
{
    if (--client->refs)
        return;
    outbox_clear(&client->sink.outbox);
    websocket_fini(&client->ws);
    buf_fini(&client->stash);
    mem_free((void *)(uintptr_t)client->session_id.p);
    hub_unref(client->hub);
    client->magic = 0;
    mem_free(client);
}
