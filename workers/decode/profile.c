#include "decode/profile.h"

#include "base/buf.h"

#include <string.h>
#include <zlib.h>

enum { MAX_INFLATED_BYTES = 4 << 20, PIECE_BYTES = 2048 };

/* What was inflated before damage or the bound counts. */
static struct slice inflate_all(struct arena *arena, struct slice packed)
{
    char piece[PIECE_BYTES];
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    struct buf out;
    int status = inflateInit(&stream);

    if (status != Z_OK)
        return SLICE_NONE;
    buf_init(&out, MAX_INFLATED_BYTES);
    while (status == Z_OK && !out.overflow) {
        stream.next_out = (Bytef *)piece;
        stream.avail_out = sizeof piece;
        status = inflate(&stream, Z_NO_FLUSH);
        buf_add(&out, (struct slice){piece, sizeof piece - stream.avail_out});
    }
    inflateEnd(&stream);
    struct slice all = out.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return all;
}

static bool is_metadata(struct slice keyword)
{
    static const struct slice keywords[] = {
        SLICE_INIT("XML:com.adobe.xmp"), SLICE_INIT("Raw profile type exif"),
        SLICE_INIT("Raw profile type APP1"), SLICE_INIT("Raw profile type xmp")};

    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (slice_eq(keyword, keywords[i]))
            return true;
    return false;
}

/* Up to a NUL, which is skipped. */
static bool take_field(struct slice *rest, struct slice *out)
{
    size_t at;

    if (!slice_find(*rest, '\0', &at))
        return false;
    *out = (struct slice){rest->p, at};
    *rest = slice_from_offset(*rest, at + 1);
    return true;
}

bool profile_text(struct arena *arena, struct slice type, struct slice data, struct slice *keyword,
                  struct slice *text)
{
    bool international = slice_eq(type, SLICE("iTXt")), packed = slice_eq(type, SLICE("zTXt"));
    struct slice language, translated;

    if ((!international && !packed && !slice_eq(type, SLICE("tEXt"))) ||
        !take_field(&data, keyword) || !is_metadata(*keyword))
        return false;
    size_t head = international ? 2 : packed; /* flag and method of compression; the method */
    if (data.n < head)
        return false;
    if (international)
        packed = data.p[0] != 0;
    data = slice_from_offset(data, head);
    if (international && (!take_field(&data, &language) || !take_field(&data, &translated)))
        return false;
    *text = packed ? inflate_all(arena, data) : data;
    return text->n > 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Name and length stand in lines of their own before the digits. */
static struct slice skip_lines(struct slice text, size_t words)
{
    while (words--) {
        while (text.n && strchr("\n\r \t", text.p[0]))
            text = slice_from_offset(text, 1);
        while (text.n && !strchr("\n\r \t", text.p[0]))
            text = slice_from_offset(text, 1);
    }
    return text;
}

struct slice profile_unhex(struct arena *arena, struct slice text)
{
    size_t n = 0;

    text = skip_lines(text, 2);
    char *bytes = arena_alloc(arena, text.n / 2 + 1);
    for (int high = -1; text.n; text = slice_from_offset(text, 1)) {
        int value = hex_value(text.p[0]);

        if (value < 0)
            continue;
        if (high >= 0)
            bytes[n++] = (char)(high << 4 | value);
        high = high < 0 ? value : -1;
    }
    return (struct slice){bytes, n};
}
