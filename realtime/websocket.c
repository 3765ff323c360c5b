#include "realtime/websocket.h"

#include <assert.h>
#include <string.h>

enum { FIN = 0x80, RESERVED = 0x70, MASKED = 0x80, CONTROL = 0x08, LENGTH_16 = 126, LENGTH_64 };

void websocket_init(struct websocket *ws)
{
    *ws = (struct websocket){0};
    buf_init(&ws->message, WEBSOCKET_MAX_MESSAGE);
    buf_init(&ws->control, WEBSOCKET_MAX_CONTROL);
}

void websocket_fini(struct websocket *ws)
{
    buf_fini(&ws->message);
    buf_fini(&ws->control);
}

/* May a peer send this code in a close frame? (Section 7.4.2 and IANA's registry.) */
static bool code_valid(unsigned code)
{
    if (code >= 3000)
        return code <= 4999;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

static bool utf8_lead(struct utf8_state *utf8, uint8_t c)
{
    utf8->low = 0x80;
    utf8->high = 0xBF;
    if (c < 0xC2 || c > 0xF4)
        return false;
    utf8->need = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    /* Neither overlong forms, nor surrogates, nor anything past U+10FFFF (RFC 3629). */
    if (c == 0xE0)
        utf8->low = 0xA0;
    else if (c == 0xED)
        utf8->high = 0x9F;
    else if (c == 0xF0)
        utf8->low = 0x90;
    else if (c == 0xF4)
        utf8->high = 0x8F;
    return true;
}

/* False as soon as the text cannot become UTF-8 any more, also in the middle of a sequence. */
static bool utf8_feed(struct utf8_state *utf8, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = (uint8_t)text.p[i];

        if (utf8->need) {
            if (c < utf8->low || c > utf8->high)
                return false;
            utf8->low = 0x80;
            utf8->high = 0xBF;
            utf8->need--;
        } else if (c >= 0x80 && !utf8_lead(utf8, c)) {
            return false;
        }
    }
    return true;
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

/* Bytes of the length field's extension. */
static size_t length_bytes(const struct websocket *ws)
{
    unsigned length = ws->head[1] & 0x7F;

    return length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
}

/* False while the head is incomplete. The first two bytes are judged before the rest is waited
 * for: an unmasked frame has a shorter head. */
static bool take_head(struct websocket *ws, struct slice *in)
{
    while (in->n) {
        size_t whole = ws->head_n < 2 ? 2 : 2 + length_bytes(ws) + 4;

        if (ws->head_n == whole)
            return true;
        ws->head[ws->head_n++] = (uint8_t)in->p[0];
        *in = slice_from_offset(*in, 1);
        if (ws->head_n == 2 && !(ws->head[1] & MASKED))
            return true;
    }
    return ws->head_n >= 2 && ws->head_n == 2 + length_bytes(ws) + 4;
}

/* What makes this frame's start unacceptable, or CODE_NONE. */
static unsigned judge_kind(const struct websocket *ws)
{
    bool fin = ws->head[0] & FIN;

    if ((ws->head[0] & RESERVED) || !(ws->head[1] & MASKED))
        return CODE_PROTOCOL_ERROR;
    switch (ws->opcode) {
    case OPCODE_CONTINUATION:
        return ws->fragmented ? CODE_NONE : CODE_PROTOCOL_ERROR;
    case OPCODE_TEXT:
        return ws->fragmented ? CODE_PROTOCOL_ERROR : CODE_NONE;
    case OPCODE_BINARY:
        return ws->fragmented ? CODE_PROTOCOL_ERROR : CODE_UNSUPPORTED;
    case OPCODE_CLOSE:
    case OPCODE_PING:
    case OPCODE_PONG:
        return fin && length_bytes(ws) == 0 ? CODE_NONE : CODE_PROTOCOL_ERROR;
    default:
        return CODE_PROTOCOL_ERROR;
    }
}

static unsigned begin_frame(struct websocket *ws)
{
    ws->opcode = ws->head[0] & 0x0F;
    unsigned code = judge_kind(ws);
    if (code != CODE_NONE)
        return code;

    size_t extension = length_bytes(ws);
    ws->left = extension ? big_endian(ws->head + 2, extension) : ws->head[1] & 0x7F;
    /* The shortest form that holds the length is the only one. */
    if ((extension == 2 && ws->left < LENGTH_16) ||
        (extension == 8 && (ws->left < 1 << 16 || ws->left >> 63)))
        return CODE_PROTOCOL_ERROR;
    if (!(ws->opcode & CONTROL) && ws->left > WEBSOCKET_MAX_MESSAGE - ws->message.n)
        return CODE_TOO_BIG;
    ws->in_payload = true;
    ws->mask_at = 0;
    return CODE_NONE;
}

static void unmask(char *to, struct slice from, const uint8_t mask[4], uint32_t at)
{
    uint8_t turned[8];
    size_t i = 0;

    for (size_t k = 0; k < sizeof turned; k++)
        turned[k] = mask[(at + k) & 3];
    for (; i + 8 <= from.n; i += 8) {
        uint64_t word, key;

        memcpy(&word, from.p + i, 8);
        memcpy(&key, turned, 8);
        word ^= key;
        memcpy(to + i, &word, 8);
    }
    for (; i < from.n; i++)
        to[i] = (char)((uint8_t)from.p[i] ^ turned[i & 7]);
}

/* Takes what has arrived of the payload; false: the text is not UTF-8. */
static bool take_payload(struct websocket *ws, struct slice *in)
{
    struct buf *to = ws->opcode & CONTROL ? &ws->control : &ws->message;
    size_t n = ws->left < in->n ? (size_t)ws->left : in->n;

    if (n == 0)
        return true;
    char *room = buf_reserve(to, n);
    assert(room); /* begin_frame() has checked the length */
    unmask(room, (struct slice){in->p, n}, ws->head + ws->head_n - 4, ws->mask_at);
    buf_commit(to, n);
    ws->mask_at = (ws->mask_at + (uint32_t)n) & 3;
    ws->left -= n;
    *in = slice_from_offset(*in, n);
    return (ws->opcode & CONTROL) || utf8_feed(&ws->utf8, (struct slice){room, n});
}

static enum websocket_item fail(struct websocket *ws, unsigned code, struct websocket_message *out)
{
    ws->over = true;
    *out = (struct websocket_message){.code = code};
    return WEBSOCKET_FAILED;
}

static enum websocket_item end_close(struct websocket *ws, struct websocket_message *out)
{
    struct slice payload = buf_slice(&ws->control);
    struct utf8_state utf8 = {0};

    if (payload.n == 0) {
        *out = (struct websocket_message){.code = CODE_NONE};
    } else {
        unsigned code = payload.n < 2 ? 0 : (unsigned)big_endian((const uint8_t *)payload.p, 2);

        if (!code_valid(code))
            return fail(ws, CODE_PROTOCOL_ERROR, out);
        *out = (struct websocket_message){slice_from_offset(payload, 2), code};
        if (!utf8_feed(&utf8, out->payload) || utf8.need)
            return fail(ws, CODE_NOT_UTF8, out);
    }
    ws->over = true;
    return WEBSOCKET_CLOSE;
}

static enum websocket_item end_frame(struct websocket *ws, struct websocket_message *out)
{
    bool fin = ws->head[0] & FIN;

    ws->in_payload = false;
    ws->head_n = 0;
    if (ws->opcode & CONTROL) {
        ws->delivered = true;
        if (ws->opcode == OPCODE_CLOSE)
            return end_close(ws, out);
        *out = (struct websocket_message){.payload = buf_slice(&ws->control)};
        return ws->opcode == OPCODE_PING ? WEBSOCKET_PING : WEBSOCKET_PONG;
    }
    ws->fragmented = !fin;
    if (!fin)
        return WEBSOCKET_MORE;
    if (ws->utf8.need)
        return fail(ws, CODE_NOT_UTF8, out);
    ws->delivered = true;
    *out = (struct websocket_message){.payload = buf_slice(&ws->message)};
    return WEBSOCKET_TEXT;
}

/* The memory of what the caller has had by now. */
static void release_delivered(struct websocket *ws)
{
    if (!ws->delivered)
        return;
    ws->delivered = false;
    buf_fini(&ws->control);
    buf_init(&ws->control, WEBSOCKET_MAX_CONTROL);
    if (ws->fragmented)
        return;
    buf_fini(&ws->message);
    buf_init(&ws->message, WEBSOCKET_MAX_MESSAGE);
}

enum websocket_item websocket_next(struct websocket *ws, struct slice *in,
                                   struct websocket_message *out)
{
    enum websocket_item item = WEBSOCKET_MORE;

    release_delivered(ws);
    while (!ws->over && item == WEBSOCKET_MORE) {
        if (!ws->in_payload) {
            if (!take_head(ws, in))
                return WEBSOCKET_MORE;
            unsigned code = begin_frame(ws);
            if (code != CODE_NONE)
                return fail(ws, code, out);
        }
        if (!take_payload(ws, in))
            return fail(ws, CODE_NOT_UTF8, out);
        if (ws->left)
            return WEBSOCKET_MORE;
        item = end_frame(ws, out);
    }
    if (ws->over)
        *in = slice_from_offset(*in, in->n);
    return item;
}

size_t websocket_head(uint8_t out[WEBSOCKET_MAX_HEAD], enum websocket_opcode opcode, size_t n)
{
    size_t extension = n < LENGTH_16 ? 0 : n < 1 << 16 ? 2 : 8;

    out[0] = (uint8_t)(FIN | opcode);
    out[1] = extension == 0 ? (uint8_t)n : extension == 2 ? LENGTH_16 : LENGTH_64;
    for (size_t i = 0; i < extension; i++)
        out[2 + i] = (uint8_t)((uint64_t)n >> (8 * (extension - 1 - i)));
    return 2 + extension;
}
