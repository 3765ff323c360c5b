/* flush.h: once per turn of the loop, before it sleeps, everything that waits for a socket leaves
 * in one write. Several messages are gathered into one buffer; sockets that wait for the same ones
 * in the same encoding share the gathering. */
#pragma once

#include "realtime/sink.h"

/* Messages in one piece, as the last socket of this encoding was sent them. */
struct gathering {
    struct message **messages; /* with a reference to each */
    size_t n, size;
    struct buf bytes;
};

/* What one turn of the loop has to write. */
struct flush {
    struct sink *first, **last;
    struct gathering by[ENCODING_COUNT];
    uint64_t messages, writes, gathers, bytes; /* counted so far */
};

typedef void flush_fn(struct sink *sink);

void flush_init(struct flush *flush);
void flush_fini(struct flush *flush);

/* Is served by the next flush; harmless when it is already in the list. */
void flush_want(struct flush *flush, struct sink *sink);
void flush_forget(struct flush *flush, struct sink *sink);
/* settled: everything of a sink is with the kernel; stalled: something is left over. */
void flush_run(struct flush *flush, flush_fn *settled, flush_fn *stalled);

/* Writes all that waits, backlog or not: what comes after it is the end. */
void flush_last(struct flush *flush, struct sink *sink);
