/* sink.h: where messages leave by: one connection, the encoding that is spoken on it, and what
 * waits for it. Whoever embeds one (a client) decides what may wait; flush.h writes it. */
#pragma once

#include "realtime/outbox.h"
#include "realtime/transport.h"

struct sink {
    const struct transport *transport;
    void *connection; /* NULL: gone */
    struct sink *flush_next;
    struct outbox outbox;
    enum encoding encoding;
    bool ended; /* what waits now is the last */
    bool flush_wanted;
};

void sink_init(struct sink *sink, const struct transport *transport, void *connection,
               enum encoding encoding);
/* Keeps a reference of its own. */
void sink_add(struct sink *sink, struct message *message);

/* These are asked for every message and subscriber. */
static inline bool sink_over(const struct sink *sink) /* nothing more can be sent */
{
    return sink->ended || !sink->connection;
}

/* Of the outbox, and what the kernel has not taken. */
static inline size_t sink_queued_bytes(const struct sink *sink)
{
    return sink->outbox.bytes + (sink->connection ? sink->transport->backlog(sink->connection) : 0);
}
