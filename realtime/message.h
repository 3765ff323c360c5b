/* message.h: one message to clients, made once and shared by reference: every subscriber's queue
 * and the history point to the same one. How it reads on the wire is an encoding, made when the
 * first client wants it and kept with the message: a WebSocket frame (RFC 6455), or a block of
 * server-sent events (sse.h), which is a chunk of HTTP/1.1 (RFC 9112 section 7.1) as well. */
#pragma once

#include "realtime/websocket.h"

/* How the reason of a close begins that says when to come back. */
#define CLOSE_RETRY_MS "retry_ms="

enum encoding {
    ENCODING_WEBSOCKET,
    ENCODING_SSE, /* the stream ends with its connection */
    ENCODING_SSE_CHUNKED,
    ENCODING_COUNT
};

struct message {
    uint32_t refs;
    uint32_t n;                       /* bytes of the payload */
    uint32_t position_at, position_n; /* where the payload has its position; n 0: it has none */
    uint8_t opcode;                   /* enum websocket_opcode; CONTINUATION: message_retry() */
    uint8_t head_n;                   /* of the frame's head, before the payload; 0: not made yet */
    struct message_block *block;      /* the encoding for SSE; NULL: not made yet */
    char bytes[];                     /* room for a head, then the payload */
};

struct message *message_new(enum websocket_opcode opcode, struct slice payload); /* one reference */
struct message *message_close(unsigned code, struct slice reason); /* code 0: an empty close */
/* For streams alone: how long to wait before coming back. ms: digits. */
struct message *message_retry(struct slice ms);
/* A copy that stands at another position. */
struct message *message_at(const struct message *message, struct slice position);
struct message *message_ref(struct message *message);
void message_unref(struct message *message); /* NULL is allowed */

struct slice message_payload(const struct message *message);
struct slice message_position(const struct message *message); /* or empty */
struct slice message_encode(struct message *message, enum encoding encoding);

/* Valid as long as the message. A pong is nothing in a stream. */
static inline struct slice message_bytes(struct message *message, enum encoding encoding)
{
    if (encoding != ENCODING_WEBSOCKET || !message->head_n)
        return message_encode(message, encoding);
    return (struct slice){message->bytes + WEBSOCKET_MAX_HEAD - message->head_n,
                          (size_t)message->head_n + message->n};
}
