#include "realtime/frame.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct frame *frame_new(enum websocket_opcode opcode, struct slice payload)
{
    uint8_t head[WEBSOCKET_MAX_HEAD];
    size_t head_n = websocket_head(head, opcode, payload.n);
    struct frame *frame = mem_alloc(sizeof *frame + head_n + payload.n);

    assert(payload.n <= UINT32_MAX - WEBSOCKET_MAX_HEAD);
    *frame = (struct frame){1, (uint32_t)head_n, (uint32_t)(head_n + payload.n)};
    memcpy(frame->bytes, head, head_n);
    if (payload.n)
        memcpy(frame->bytes + head_n, payload.p, payload.n);
    return frame;
}

struct frame *frame_close(unsigned code, struct slice reason)
{
    char payload[WEBSOCKET_MAX_CONTROL] = {(char)(code >> 8), (char)code};

    if (code == CODE_NONE)
        return frame_new(OPCODE_CLOSE, SLICE_NONE);
    assert(reason.n <= sizeof payload - 2);
    memcpy(payload + 2, reason.p, reason.n);
    return frame_new(OPCODE_CLOSE, (struct slice){payload, 2 + reason.n});
}

struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame && --frame->refs == 0)
        mem_free(frame);
}

struct slice frame_bytes(const struct frame *frame)
{
    return (struct slice){frame->bytes, frame->n};
}

struct slice frame_payload(const struct frame *frame)
{
    return slice_from_offset(frame_bytes(frame), frame->head_n);
}
