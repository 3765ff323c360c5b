#include "base/text.h"

#include <sodium.h>
#include <string.h>

struct slice text_hex(struct arena *arena, const void *bytes, size_t n)
{
    char *p = arena_alloc(arena, 2 * n + 1);

    sodium_bin2hex(p, 2 * n + 1, bytes, n);
    return (struct slice){p, 2 * n};
}

bool text_unhex(struct slice hex, void *out, size_t n)
{
    size_t decoded;

    if (hex.n != 2 * n)
        return false;
    return n == 0 ||
           (sodium_hex2bin(out, n, hex.p, hex.n, NULL, &decoded, NULL) == 0 && decoded == n);
}

static struct slice encode(struct arena *arena, struct slice bytes, int variant)
{
    size_t size = sodium_base64_encoded_len(bytes.n, variant);
    char *p = arena_alloc(arena, size);

    if (bytes.n == 0)
        p[0] = '\0';
    else
        sodium_bin2base64(p, size, (const unsigned char *)bytes.p, bytes.n, variant);
    return (struct slice){p, strlen(p)};
}

/* Before the padding. libsodium takes some bytes past ASCII for digits. */
static bool are_digits(struct slice text, char digit62, char digit63)
{
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == digit62 || c == digit63))
            return false;
    }
    return true;
}

static bool decode(struct arena *arena, struct slice text, int variant, struct slice *out)
{
    bool plain = variant == sodium_base64_VARIANT_ORIGINAL;
    size_t room = text.n / 4 * 3 + 3, n = 0;
    unsigned char *p = arena_alloc(arena, room);

    if (!are_digits(text, plain ? '+' : '-', plain ? '/' : '_'))
        return false;
    if (text.n && sodium_base642bin(p, room, text.p, text.n, NULL, &n, NULL, variant) != 0)
        return false;
    *out = (struct slice){(const char *)p, n};
    return true;
}

struct slice text_base64(struct arena *arena, struct slice bytes)
{
    return encode(arena, bytes, sodium_base64_VARIANT_ORIGINAL);
}

bool text_unbase64(struct arena *arena, struct slice text, struct slice *out)
{
    return decode(arena, text, sodium_base64_VARIANT_ORIGINAL, out);
}

struct slice text_base64url(struct arena *arena, struct slice bytes)
{
    return encode(arena, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool text_unbase64url(struct arena *arena, struct slice text, struct slice *out)
{
    return decode(arena, text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}

struct slice text_lower(struct arena *arena, struct slice s)
{
    char *p = arena_cstr(arena, s);

    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + ('a' - 'A'));
    return (struct slice){p, s.n};
}

bool text_percent_decode(struct arena *arena, struct slice s, bool plus_is_space, struct slice *out)
{
    char *p = arena_alloc(arena, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (s.n - i < 3 || !text_unhex((struct slice){s.p + i + 1, 2}, &c, 1))
                return false;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        p[n++] = c;
    }
    p[n] = '\0';
    *out = (struct slice){p, n};
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

struct slice text_percent_encode(struct arena *arena, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = arena_alloc(arena, 3 * s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_unreserved(s.p[i])) {
            p[n++] = s.p[i];
            continue;
        }
        p[n++] = '%';
        p[n++] = digits[c >> 4];
        p[n++] = digits[c & 15];
    }
    p[n] = '\0';
    return (struct slice){p, n};
}

uint32_t text_crc32(struct slice s)
{
    /* of the 16 possible low nibbles, reflected polynomial 0xEDB88320 */
    static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                         0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                         0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                         0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        crc = nibbles[crc & 15] ^ crc >> 4;
        crc = nibbles[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct slice take_digits(struct slice *s)
{
    struct slice digits = {s->p, 0};

    while (digits.n < s->n && is_digit(s->p[digits.n]))
        digits.n++;
    *s = slice_from_offset(*s, digits.n);
    return digits;
}

static struct slice take_unit(struct slice *s)
{
    struct slice unit = {s->p, 0};

    while (unit.n < s->n && !is_digit(s->p[unit.n]) && s->p[unit.n] != '.')
        unit.n++;
    *s = slice_from_offset(*s, unit.n);
    return unit;
}

/* 0.<digits> times size, rounded down: from the last digit on, a division by ten each. Rounding
 * down at every step comes to the same as doing so once. */
static uint64_t part_of(struct slice digits, uint64_t size)
{
    uint64_t part = 0;

    for (size_t i = digits.n; i-- > 0;)
        part = ((uint64_t)(digits.p[i] - '0') * size + part) / 10;
    return part;
}

static bool scale(struct slice whole, struct slice fraction, uint64_t size, uint64_t *out)
{
    uint64_t value = 0;

    if ((whole.n && !slice_to_u64(whole, &value)) || (fraction.n && size == 1))
        return false;
    return !__builtin_mul_overflow(value, size, &value) &&
           !__builtin_add_overflow(value, part_of(fraction, size), out);
}

bool text_take_quantity(struct slice *s, const struct text_unit *units, size_t n,
                        bool (*same)(struct slice, struct slice), uint64_t *out)
{
    struct slice whole = take_digits(s), fraction = SLICE_NONE;

    if (s->n && s->p[0] == '.') {
        *s = slice_from_offset(*s, 1);
        fraction = take_digits(s);
        if (fraction.n == 0)
            return false;
    }
    if (whole.n == 0 && fraction.n == 0)
        return false;
    struct slice unit = take_unit(s);
    for (size_t i = 0; i < n; i++)
        if (same(unit, units[i].name))
            return scale(whole, fraction, units[i].size, out);
    return false;
}

/* "M", "MB" and "MiB" are one. */
static bool is_size_unit(struct slice unit, struct slice letter)
{
    if (unit.n < letter.n || !slice_eq_nocase((struct slice){unit.p, letter.n}, letter))
        return false;
    struct slice rest = slice_from_offset(unit, letter.n);
    return rest.n == 0 || slice_eq_nocase(rest, SLICE("B")) ||
           (letter.n > 0 && slice_eq_nocase(rest, SLICE("iB")));
}

bool text_size(struct slice text, uint64_t *bytes)
{
    static const struct text_unit units[] = {
        {SLICE_INIT(""), 1},
        {SLICE_INIT("K"), (uint64_t)1 << 10},
        {SLICE_INIT("M"), (uint64_t)1 << 20},
        {SLICE_INIT("G"), (uint64_t)1 << 30},
        {SLICE_INIT("T"), (uint64_t)1 << 40},
        {SLICE_INIT("P"), (uint64_t)1 << 50},
        {SLICE_INIT("E"), (uint64_t)1 << 60},
    };

    return text_take_quantity(&text, units, sizeof units / sizeof *units, is_size_unit, bytes) &&
           text.n == 0;
}
