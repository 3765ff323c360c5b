#include "realtime/flush.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { GATHER_MAX_BYTES = 4 << 20 }; /* queues are bounded far below: limits.queue_bytes */

void flush_init(struct flush *flush)
{
    *flush = (struct flush){.last = &flush->first};
    for (int i = 0; i < ENCODING_COUNT; i++)
        buf_init(&flush->by[i].bytes, GATHER_MAX_BYTES);
}

static void forget_gathering(struct gathering *gathering)
{
    for (size_t i = 0; i < gathering->n; i++)
        message_unref(gathering->messages[i]);
    gathering->n = 0;
    buf_clear(&gathering->bytes);
}

void flush_fini(struct flush *flush)
{
    assert(!flush->first);
    for (int i = 0; i < ENCODING_COUNT; i++) {
        forget_gathering(&flush->by[i]);
        mem_free(flush->by[i].messages);
        buf_fini(&flush->by[i].bytes);
    }
}

void flush_want(struct flush *flush, struct sink *sink)
{
    if (sink->flush_wanted)
        return;
    sink->flush_wanted = true;
    sink->flush_next = NULL;
    *flush->last = sink;
    flush->last = &sink->flush_next;
}

void flush_forget(struct flush *flush, struct sink *sink)
{
    struct sink **link = &flush->first;

    if (!sink->flush_wanted)
        return;
    while (*link != sink)
        link = &(*link)->flush_next;
    *link = sink->flush_next;
    if (!*link)
        flush->last = link;
    sink->flush_wanted = false;
}

/* All messages in one piece. When the last socket waited for the same ones, the piece is there. */
static struct slice gather(struct flush *flush, const struct sink *sink)
{
    struct gathering *gathering = &flush->by[sink->encoding];
    const struct outbox *outbox = &sink->outbox;

    if (outbox->n == 1)
        return message_bytes(outbox->messages[0], sink->encoding);
    if (gathering->n == outbox->n &&
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
        memcmp(gathering->messages, outbox->messages, outbox->n * sizeof *outbox->messages) == 0)
        return buf_slice(&gathering->bytes);
    forget_gathering(gathering);
    if (gathering->size < outbox->n) {
        gathering->size = outbox->n;
        gathering->messages =
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
            mem_realloc(gathering->messages, gathering->size * sizeof *gathering->messages);
    }
    for (uint32_t i = 0; i < outbox->n; i++) {
        gathering->messages[gathering->n++] = message_ref(outbox->messages[i]);
        buf_add(&gathering->bytes, message_bytes(outbox->messages[i], sink->encoding));
    }
    assert(!gathering->bytes.overflow);
    flush->gathers++;
    return buf_slice(&gathering->bytes);
}

static void write_all(struct flush *flush, struct sink *sink)
{
    struct slice bytes = gather(flush, sink);

    sink->transport->write(sink->connection, bytes);
    flush->messages += sink->outbox.n;
    flush->writes++;
    flush->bytes += bytes.n;
    outbox_clear(&sink->outbox);
}

void flush_last(struct flush *flush, struct sink *sink)
{
    if (sink->connection && sink->outbox.n)
        write_all(flush, sink);
}

static void flush_one(struct flush *flush, struct sink *sink, flush_fn *settled, flush_fn *stalled)
{
    if (sink_over(sink))
        return;
    if (sink->outbox.n && sink->transport->backlog(sink->connection) == 0)
        write_all(flush, sink);
    if (sink->transport->backlog(sink->connection) == 0)
        settled(sink);
    else
        stalled(sink);
}

void flush_run(struct flush *flush, flush_fn *settled, flush_fn *stalled)
{
    while (flush->first) {
        struct sink *sink = flush->first;

        flush_forget(flush, sink);
        flush_one(flush, sink, settled, stalled);
    }
    for (int i = 0; i < ENCODING_COUNT; i++)
        forget_gathering(&flush->by[i]);
}
