#include "base/utf8.h"

/* Table 3-7 of the Unicode standard. */
static size_t sequence_bytes(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xC2 ? 0
               : p[0] < 0xE0 ? 2
               : p[0] < 0xF0 ? 3
               : p[0] < 0xF5 ? 4
                             : 0;

    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

size_t utf8_take(struct slice s, uint32_t *code)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = sequence_bytes(s);

    if (n && code) {
        *code = (unsigned char)s.p[0] & lead_bits[n];
        for (size_t i = 1; i < n; i++)
            *code = *code << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    return n;
}

bool utf8_valid(struct slice s)
{
    while (s.n) {
        size_t n = sequence_bytes(s);

        if (n == 0)
            return false;
        s = slice_from_offset(s, n);
    }
    return true;
}

size_t utf8_put(char *out, uint32_t code)
{
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (n == 1) {
        out[0] = (char)code;
        return 1;
    }
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00 >> n & 0xf0) | code);
    return n;
}

struct slice utf8_cut(struct slice s, size_t max_bytes)
{
    size_t n = s.n < max_bytes ? s.n : max_bytes;

    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    return (struct slice){s.p, n};
}
