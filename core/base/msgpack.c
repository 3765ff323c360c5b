#include "base/msgpack.h"

#include "base/memory.h"

/* What a header byte announces (the format's table of first bytes). */
struct announced {
    uint64_t bytes;  /* that follow the header */
    uint64_t values; /* nested in it */
};

static bool read_length(struct slice *s, size_t width, uint64_t *out)
{
    uint64_t value = 0;

    if (s->n < width)
        return false;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | (unsigned char)s->p[i];
    *s = slice_from_offset(*s, width);
    *out = value;
    return true;
}

/* Headers 0xC0 to 0xDF; false for the byte that is never used and for lengths that are cut off. */
static bool read_long_header(struct slice *s, unsigned char type, struct announced *out)
{
    static const uint8_t fixed_bytes[] = {[0xCA - 0xC0] = 4, [0xCB - 0xC0] = 8, [0xCC - 0xC0] = 1,
                                          [0xCD - 0xC0] = 2, [0xCE - 0xC0] = 4, [0xCF - 0xC0] = 8,
                                          [0xD0 - 0xC0] = 1, [0xD1 - 0xC0] = 2, [0xD2 - 0xC0] = 4,
                                          [0xD3 - 0xC0] = 8, [0xD4 - 0xC0] = 2, [0xD5 - 0xC0] = 3,
                                          [0xD6 - 0xC0] = 5, [0xD7 - 0xC0] = 9, [0xD8 - 0xC0] = 17};
    uint64_t n;

    switch (type) {
    case 0xC1:
        return false;
    case 0xC4:
    case 0xC5:
    case 0xC6: /* bin 8, 16, 32 */
        return read_length(s, (size_t)1 << (type - 0xC4), &out->bytes);
    case 0xC7:
    case 0xC8:
    case 0xC9: /* ext 8, 16, 32: and a type byte */
        if (!read_length(s, (size_t)1 << (type - 0xC7), &n))
            return false;
        out->bytes = n + 1;
        return true;
    case 0xD9:
    case 0xDA:
    case 0xDB: /* str 8, 16, 32 */
        return read_length(s, (size_t)1 << (type - 0xD9), &out->bytes);
    case 0xDC:
    case 0xDD: /* array 16, 32 */
        return read_length(s, (size_t)2 << (type - 0xDC), &out->values);
    case 0xDE:
    case 0xDF: /* map 16, 32 */
        if (!read_length(s, (size_t)2 << (type - 0xDE), &n))
            return false;
        out->values = 2 * n;
        return true;
    default:
        out->bytes = fixed_bytes[type - 0xC0];
        return true;
    }
}

static bool read_header(struct slice *s, struct announced *out)
{
    *out = (struct announced){0};
    if (s->n == 0)
        return false;
    unsigned char type = (unsigned char)s->p[0];
    *s = slice_from_offset(*s, 1);
    if (type < 0x80 || type >= 0xE0) /* small integers */
        return true;
    if (type < 0x90)
        out->values = 2 * (uint64_t)(type & 0x0F);
    else if (type < 0xA0)
        out->values = type & 0x0F;
    else if (type < 0xC0)
        out->bytes = type & 0x1F;
    else
        return read_long_header(s, type, out);
    return true;
}

/* Walks over all values without recursion: every count must be covered by bytes that are there,
 * since each nested value takes at least one. */
static bool scan(struct slice s)
{
    uint64_t open[MSGPACK_MAX_DEPTH]; /* values still to come, per level */
    size_t depth = 0;

    for (;;) {
        struct announced announced;

        if (!read_header(&s, &announced) || announced.bytes > s.n || announced.values > s.n)
            return false;
        s = slice_from_offset(s, (size_t)announced.bytes);
        if (announced.values) {
            if (depth == MSGPACK_MAX_DEPTH)
                return false;
            open[depth++] = announced.values;
            continue;
        }
        while (depth && --open[depth - 1] == 0)
            depth--;
        if (depth == 0)
            return s.n == 0;
    }
}

static void release(void *arg)
{
    msgpack_unpacked_destroy(arg);
}

bool msgpack_parse(struct arena *arena, struct slice bytes, msgpack_object *out)
{
    size_t used = 0;

    if (bytes.n > MSGPACK_MAX_BYTES || !scan(bytes))
        return false;
    msgpack_unpacked *unpacked = ARENA_NEW(arena, msgpack_unpacked);
    msgpack_unpacked_init(unpacked);
    arena_defer(arena, release, unpacked);
    if (msgpack_unpack_next(unpacked, bytes.p, bytes.n, &used) != MSGPACK_UNPACK_SUCCESS ||
        used != bytes.n)
        return false;
    *out = unpacked->data;
    return true;
}
