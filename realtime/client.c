#include "realtime/client.h"

#include "base/memory.h"

#include <assert.h>

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

void client_want_flush(struct client *client)
{
    struct flush *flush = &client->hub->flush;

    if (client->flush_wanted)
        return;
    client->flush_wanted = true;
    client->flush_next = NULL;
    *flush->last = client;
    flush->last = &client->flush_next;
}

void client_forget_flush(struct client *client)
{
    struct flush *flush = &client->hub->flush;
    struct client **link = &flush->first;

    if (!client->flush_wanted)
        return;
    while (*link != client)
        link = &(*link)->flush_next;
    *link = client->flush_next;
    if (!*link)
        flush->last = link;
    client->flush_wanted = false;
}

void client_send(struct client *client, struct frame *frame)
{
    if (!client_over(client)) {
        outbox_add(&client->outbox, frame);
        client_want_flush(client);
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
    client_want_flush(client);
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
    client_want_flush(client);
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
    outbox_clear(&client->outbox);
    websocket_fini(&client->ws);
    buf_fini(&client->stash);
    mem_free((void *)(uintptr_t)client->session_id.p);
    hub_unref(client->hub);
    client->magic = 0;
    mem_free(client);
}
