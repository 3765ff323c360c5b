/* outbox.h: the frames that wait for one socket, and the flush that writes them: once per turn of
 * the loop, before it sleeps, everything that waits for a socket leaves in one write. Several
 * frames are gathered into one buffer; sockets that wait for the same frames share the gathering.
 */
#pragma once

#include "realtime/hub.h"

enum { OUTBOX_FEW = 4 };

struct outbox {
    struct frame **frames; /* `few`, or on the heap */
    uint32_t n, size;
    size_t bytes;
    struct frame *few[OUTBOX_FEW];
};

void outbox_init(struct outbox *outbox);
void outbox_clear(struct outbox *outbox);                    /* drops what waits and the memory */
void outbox_add(struct outbox *outbox, struct frame *frame); /* takes a reference of its own */

void flush_init(struct flush *flush);
void flush_fini(struct flush *flush);
void flush_want(struct realtime *hub, struct client *client); /* harmless when it is in the list */
void flush_forget(struct realtime *hub, struct client *client);
void flush_run(struct realtime *hub);

/* Writes all that waits, backlog or not: what comes after it is the end. */
void flush_last(struct realtime *hub, struct client *client);
