/* outbox.h: the messages that wait for one socket. */
#pragma once

#include "realtime/message.h"

enum { OUTBOX_FEW = 4 };

struct outbox {
    struct message **messages; /* `few`, or on the heap */
    uint32_t n, size;
    size_t bytes; /* as they are sent */
    struct message *few[OUTBOX_FEW];
};

void outbox_init(struct outbox *outbox);
void outbox_clear(struct outbox *outbox); /* drops what waits and the memory */
/* Takes a reference of its own. bytes: of the message in the socket's encoding. */
void outbox_add(struct outbox *outbox, struct message *message, size_t bytes);
