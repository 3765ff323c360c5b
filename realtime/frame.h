/* frame.h: one WebSocket frame of ours, built once and shared by reference: every subscriber's
 * queue and the history point to the same bytes. */
#pragma once

#include "realtime/websocket.h"

struct frame {
    uint32_t refs;
    uint32_t head_n, n; /* of the frame's head; of head and payload */
    char bytes[];
};

struct frame *frame_new(enum websocket_opcode opcode, struct slice payload); /* one reference */
struct frame *frame_close(unsigned code, struct slice reason); /* code 0: an empty close */
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); /* NULL is allowed */

struct slice frame_bytes(const struct frame *frame);
struct slice frame_payload(const struct frame *frame);
