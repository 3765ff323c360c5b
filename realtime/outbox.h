/* outbox.h: the frames that wait for one socket. */
#pragma once

#include "realtime/frame.h"

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
