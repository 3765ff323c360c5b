/* websocket.h: RFC 6455 on the server's side: a strict incremental decoder of what a client sends
 * and the head of the frames that we send (the handshake stands in realtime.h). Knows bytes only.
 * No extension is negotiated, so a reserved bit is an error. What a decoder holds between two
 * messages fits into the struct itself: idle connections cost nothing more. */
#pragma once

#include "base/buf.h"

enum {
    WEBSOCKET_MAX_MESSAGE = 64 << 10, /* over all fragments; past it 1009 */
    WEBSOCKET_MAX_CONTROL = 125,
    WEBSOCKET_MAX_HEAD = 10, /* of a frame of ours: unmasked */
};

enum websocket_opcode {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
};

/* Section 7.4.1; 0 stands for a close frame without a code. */
enum websocket_code {
    CODE_NONE = 0,
    CODE_NORMAL = 1000,
    CODE_PROTOCOL_ERROR = 1002,
    CODE_UNSUPPORTED = 1003,
    CODE_NOT_UTF8 = 1007,
    CODE_TOO_BIG = 1009,
};

struct utf8_state {
    uint8_t need;      /* continuation bytes still to come */
    uint8_t low, high; /* bounds of the next one */
};

struct websocket {
    uint8_t head[14]; /* of the current frame, as far as it has come */
    uint8_t head_n;
    bool in_payload, fragmented, delivered, over;
    uint8_t opcode; /* of the current frame */
    struct utf8_state utf8;
    uint32_t mask_at;
    uint64_t left;      /* of the current frame's payload */
    struct buf message; /* the text so far */
    struct buf control; /* payload of a control frame, which may stand between two fragments */
};

enum websocket_item {
    WEBSOCKET_MORE, /* the input is used up */
    WEBSOCKET_TEXT,
    WEBSOCKET_PING,
    WEBSOCKET_PONG,
    WEBSOCKET_CLOSE,  /* nothing after it is read */
    WEBSOCKET_FAILED, /* answer with `code` and end; nothing after it is read */
};

struct websocket_message {
    struct slice payload; /* of the item, or the reason of a close; valid until the next call */
    unsigned code;        /* enum websocket_code or another valid one; of CLOSE and FAILED */
};

void websocket_init(struct websocket *ws);
void websocket_fini(struct websocket *ws);

/* Consumes from *in up to the next complete item. Call until it says WEBSOCKET_MORE. */
enum websocket_item websocket_next(struct websocket *ws, struct slice *in,
                                   struct websocket_message *out);

/* The head of a final frame with n bytes of payload; returns its length. */
size_t websocket_head(uint8_t out[WEBSOCKET_MAX_HEAD], enum websocket_opcode opcode, size_t n);
