#include "realtime/flush.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { GATHER_MAX_BYTES = 4 << 20 }; /* queues are bounded far below: limits.queue_bytes */

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

static void flush_one(struct realtime *hub, struct client *client, flush_fn *settled,
                      flush_fn *stalled)
{
    if (client_over(client))
        return;
    if (client->outbox.n && client->transport->backlog(client->connection) == 0)
        write_all(hub, client);
    if (client->transport->backlog(client->connection) == 0)
        settled(client);
    else
        stalled(client);
}

void flush_run(struct realtime *hub, flush_fn *settled, flush_fn *stalled)
{
    struct flush *flush = &hub->flush;

    while (flush->first) {
        struct client *client = flush->first;

        client_forget_flush(client);
        flush_one(hub, client, settled, stalled);
    }
    forget_gathering(flush);
}
