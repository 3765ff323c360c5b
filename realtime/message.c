#include "realtime/message.h"

#include "base/json.h"
#include "base/memory.h"
#include "realtime/sse.h"

#include <assert.h>
#include <string.h>

enum { BLOCK_MAX_BYTES = 4 << 20 }; /* a message is bounded below: MESSAGE_MAX_BYTES */

/* The chunk, and in it the block. */
struct message_block {
    struct slice chunk, block;
    char bytes[];
};

struct message *message_new(enum websocket_opcode opcode, struct slice payload)
{
    struct message *message = mem_alloc(sizeof *message + WEBSOCKET_MAX_HEAD + payload.n);

    assert(payload.n <= UINT32_MAX - WEBSOCKET_MAX_HEAD);
    *message = (struct message){.refs = 1, .n = (uint32_t)payload.n, .opcode = (uint8_t)opcode};
    if (payload.n)
        memcpy(message->bytes + WEBSOCKET_MAX_HEAD, payload.p, payload.n);
    return message;
}

struct message *message_close(unsigned code, struct slice reason)
{
    char payload[WEBSOCKET_MAX_CONTROL] = {(char)(code >> 8), (char)code};

    if (code == CODE_NONE)
        return message_new(OPCODE_CLOSE, SLICE_NONE);
    assert(reason.n <= sizeof payload - 2);
    memcpy(payload + 2, reason.p, reason.n);
    return message_new(OPCODE_CLOSE, (struct slice){payload, 2 + reason.n});
}

struct message *message_retry(struct slice ms)
{
    return message_new(OPCODE_CONTINUATION, ms);
}

struct message *message_at(const struct message *message, struct slice position)
{
    struct slice payload = message_payload(message);
    struct slice rest = slice_from_offset(payload, message->position_at + message->position_n);
    struct slice whole = {NULL, message->position_at + position.n + rest.n};
    char *bytes = mem_alloc(whole.n);

    memcpy(bytes, payload.p, message->position_at);
    memcpy(bytes + message->position_at, position.p, position.n);
    memcpy(bytes + message->position_at + position.n, rest.p, rest.n);
    whole.p = bytes;
    struct message *moved = message_new((enum websocket_opcode)message->opcode, whole);
    moved->position_at = message->position_at;
    moved->position_n = (uint32_t)position.n;
    mem_free(bytes);
    return moved;
}

struct message *message_ref(struct message *message)
{
    message->refs++;
    return message;
}

void message_unref(struct message *message)
{
    if (!message || --message->refs)
        return;
    mem_free(message->block);
    mem_free(message);
}

struct slice message_payload(const struct message *message)
{
    return (struct slice){message->bytes + WEBSOCKET_MAX_HEAD, message->n};
}

struct slice message_position(const struct message *message)
{
    return (struct slice){message_payload(message).p + message->position_at, message->position_n};
}

/* A stream has no frame that ends it: what a close frame would say is its last message. */
static void write_close(struct buf *out, struct slice payload)
{
    unsigned code = (unsigned)((uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1]);
    struct slice reason = slice_from_offset(payload, 2), digits = reason;
    struct buf text;
    struct json_writer w;

    if (slice_starts_with(reason, SLICE(CLOSE_RETRY_MS))) {
        digits = slice_from_offset(reason, sizeof CLOSE_RETRY_MS - 1);
        sse_retry(out, digits);
    }
    buf_init(&text, BLOCK_MAX_BYTES);
    jw_init(&w, &text);
    jw_object(&w);
    jw_str(&w, "type", SLICE("closed"));
    jw_int(&w, "code", code);
    jw_str(&w, "reason", reason);
    jw_object_end(&w);
    sse_message(out, SLICE_NONE, buf_slice(&text));
    buf_fini(&text);
}

static void write_block(struct buf *out, const struct message *message)
{
    struct slice payload = message_payload(message);

    if (message->opcode == OPCODE_TEXT)
        sse_message(out, message_position(message), payload);
    else if (message->opcode == OPCODE_CONTINUATION)
        sse_retry(out, payload);
    else if (message->opcode == OPCODE_PING)
        sse_comment(out);
    else if (message->opcode == OPCODE_CLOSE && payload.n >= 2)
        write_close(out, payload);
}

/* An empty chunk would be the stream's end. */
static void write_chunk(struct buf *out, struct slice block, bool last)
{
    if (!block.n)
        return;
    buf_printf(out, "%zx\r\n", block.n);
    buf_add(out, block);
    buf_add(out, last ? SLICE("\r\n0\r\n\r\n") : SLICE("\r\n"));
}

static void make_block(struct message *message)
{
    struct buf block, chunk;

    buf_init(&block, BLOCK_MAX_BYTES);
    buf_init(&chunk, BLOCK_MAX_BYTES);
    write_block(&block, message);
    write_chunk(&chunk, buf_slice(&block), message->opcode == OPCODE_CLOSE);
    assert(!block.overflow && !chunk.overflow);
    struct slice text = buf_slice(&chunk);
    size_t head_n = 0;
    while (head_n < text.n && text.p[head_n++] != '\n')
        ;
    message->block = mem_alloc(sizeof *message->block + text.n);
    if (text.n)
        memcpy(message->block->bytes, text.p, text.n);
    message->block->chunk = (struct slice){message->block->bytes, text.n};
    message->block->block = (struct slice){message->block->bytes + head_n, block.n};
    buf_fini(&block);
    buf_fini(&chunk);
}

static void make_head(struct message *message)
{
    uint8_t head[WEBSOCKET_MAX_HEAD];
    size_t n = websocket_head(head, (enum websocket_opcode)message->opcode, message->n);

    memcpy(message->bytes + WEBSOCKET_MAX_HEAD - n, head, n);
    message->head_n = (uint8_t)n;
}

struct slice message_encode(struct message *message, enum encoding encoding)
{
    if (encoding == ENCODING_WEBSOCKET) {
        make_head(message);
        return message_bytes(message, encoding);
    }
    if (!message->block)
        make_block(message);
    return encoding == ENCODING_SSE ? message->block->block : message->block->chunk;
}
