/* flush.h: once per turn of the loop, before it sleeps, everything that waits for a socket leaves
 * in one write. Several frames are gathered into one buffer; sockets that wait for the same frames
 * share the gathering. */
#pragma once

#include "realtime/client.h"

typedef void flush_fn(struct client *client);

void flush_init(struct flush *flush);
void flush_fini(struct flush *flush);
/* settled: everything of a client is with the kernel; stalled: something is left over. */
void flush_run(struct realtime *hub, flush_fn *settled, flush_fn *stalled);

/* Writes all that waits, backlog or not: what comes after it is the end. */
void flush_last(struct realtime *hub, struct client *client);
