#include "realtime/outbox.h"

#include "base/memory.h"
#include "realtime/client.h"

#include <assert.h>
#include <string.h>

enum { GATHER_MAX_BYTES = 4 << 20 }; /* queues are bounded far below: limits.queue_bytes */

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.size = OUTBOX_FEW};
    outbox->frames = outbox->few;
}

void outbox_clear(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->n; i++)
        frame_unref(outbox->frames[i]);
    if (outbox->frames != outbox->few)
        mem_free(outbox->frames);
    outbox_init(outbox);
}

void outbox_add(struct outbox *outbox, struct frame *frame)
{
    if (outbox->n == outbox->size) {
        bool few = outbox->frames == outbox->few;
        struct frame **frames =
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
            mem_realloc(few ? NULL : outbox->frames, 2 * outbox->size * sizeof *frames);

        if (few)
            memcpy(frames, outbox->few, sizeof outbox->few);
        outbox->frames = frames;
        outbox->size *= 2;
    }
    outbox->frames[outbox->n++] = frame_ref(frame);
    outbox->bytes += frame->n;
}

void flush_init(struct flush *flush)
{
    *flush = (struct flush){.last = &flush->first};
    buf_init(&flush->bytes, GATHER_MAX_BYTES);
}

static void forget_gathering(struct flush *flush)
{
    for (size_t i = 0; i < flush->n; i++)
        frame_unref(flush->frames[i]);
    flush->n = 0;
    buf_clear(&flush->bytes);
}

void flush_fini(struct flush *flush)
{
    assert(!flush->first);
    forget_gathering(flush);
    mem_free(flush->frames);
    buf_fini(&flush->bytes);
}

void flush_want(struct realtime *hub, struct client *client)
{
    if (client->flush_wanted)
        return;
    client->flush_wanted = true;
    client->flush_next = NULL;
    *hub->flush.last = client;
    hub->flush.last = &client->flush_next;
}

void flush_forget(struct realtime *hub, struct client *client)
{
    struct client **link = &hub->flush.first;

    if (!client->flush_wanted)
        return;
    while (*link != client)
        link = &(*link)->flush_next;
    *link = client->flush_next;
    if (!*link)
        hub->flush.last = link;
    client->flush_wanted = false;
}

/* All frames in one piece. When the last socket waited for the same ones, the piece is there. */
static struct slice gather(struct realtime *hub, const struct outbox *outbox)
{
    struct flush *flush = &hub->flush;

    if (outbox->n == 1)
        return frame_bytes(outbox->frames[0]);
    if (flush->n == outbox->n &&
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
        memcmp(flush->frames, outbox->frames, outbox->n * sizeof *outbox->frames) == 0)
        return buf_slice(&flush->bytes);
    forget_gathering(flush);
    if (flush->size < outbox->n) {
        flush->size = outbox->n;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
        flush->frames = mem_realloc(flush->frames, flush->size * sizeof *flush->frames);
    }
    for (uint32_t i = 0; i < outbox->n; i++) {
        flush->frames[flush->n++] = frame_ref(outbox->frames[i]);
        buf_add(&flush->bytes, frame_bytes(outbox->frames[i]));
    }
    assert(!flush->bytes.overflow);
    hub->count.gathers++;
    return buf_slice(&flush->bytes);
}

static void write_all(struct realtime *hub, struct client *client)
{
    struct outbox *outbox = &client->outbox;
    struct slice bytes = gather(hub, outbox);

    client->transport->write(client->connection, bytes);
    hub->count.frames += outbox->n;
    hub->count.writes++;
    hub->count.bytes += bytes.n;
    outbox_clear(outbox);
}

void flush_last(struct realtime *hub, struct client *client)
{
    if (client->connection && client->outbox.n)
        write_all(hub, client);
}

static void flush_one(struct realtime *hub, struct client *client)
{
    if (client_over(client))
        return;
    if (client->outbox.n && client->transport->backlog(client->connection) == 0)
        write_all(hub, client);
    if (client->transport->backlog(client->connection) == 0)
        client_settled(client);
    else
        client_stalled(client);
}

void flush_run(struct realtime *hub)
{
    struct flush *flush = &hub->flush;

    while (flush->first) {
        struct client *client = flush->first;

        flush_forget(hub, client);
        flush_one(hub, client);
    }
    forget_gathering(flush);
}
