#include "base/charset.h"

#include "base/utf8.h"

enum { FIRST_LEAD = 0x81, FIRST_TRAIL = 0x40, LAST_TRAIL = 0xfe };
enum { TRAILS = LAST_TRAIL - FIRST_TRAIL + 1 };

struct charset {
    struct slice name;
    const uint16_t *singles; /* of bytes from 0x80; 0: none */
    const uint16_t *pairs;   /* of a lead and a trail byte; NULL: it has none */
};

#include "charsets.def"

static const struct charset *find(struct slice name)
{
    for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
        if (slice_eq_nocase(charsets[i].name, name))
            return &charsets[i];
    return NULL;
}

/* Takes one character; *code is U+FFFD for what the charset does not have. */
static size_t take(const struct charset *charset, struct slice in, uint32_t *code)
{
    unsigned lead = (unsigned char)in.p[0], trail = in.n > 1 ? (unsigned char)in.p[1] : 0;

    *code = lead;
    if (lead < 0x80)
        return 1;
    *code = charset->singles[lead - 0x80];
    if (*code)
        return 1;
    if (charset->pairs && lead >= FIRST_LEAD && lead <= LAST_TRAIL && trail >= FIRST_TRAIL &&
        trail <= LAST_TRAIL)
        *code = charset->pairs[(lead - FIRST_LEAD) * TRAILS + trail - FIRST_TRAIL];
    if (*code)
        return 2;
    *code = UTF8_REPLACEMENT;
    return 1;
}

static struct slice decode(struct arena *arena, const struct charset *charset, struct slice in)
{
    char *p = arena_alloc(arena, UTF8_BMP_BYTES * in.n + 1);
    size_t n = 0;

    while (in.n) {
        uint32_t code;

        in = slice_from_offset(in, take(charset, in, &code));
        n += utf8_put(p + n, code);
    }
    return (struct slice){p, n};
}

static struct slice repair(struct arena *arena, struct slice in)
{
    char *p = arena_alloc(arena, UTF8_BMP_BYTES * in.n + 1);
    size_t n = 0;

    while (in.n) {
        uint32_t code;
        size_t taken = utf8_take(in, &code);

        n += utf8_put(p + n, taken ? code : UTF8_REPLACEMENT);
        in = slice_from_offset(in, taken ? taken : 1);
    }
    return (struct slice){p, n};
}

/* Is more of it valid UTF-8 than not? */
static bool mostly_utf8(struct slice in)
{
    size_t good = 0, bad = 0;

    while (in.n) {
        uint32_t code;
        size_t taken = utf8_take(in, &code);

        good += taken > 1;
        bad += taken == 0;
        in = slice_from_offset(in, taken ? taken : 1);
    }
    return good > bad;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Latin-1 has nothing printable from 0x80 to 0x9F, where the usual characters of Shift-JIS begin.
 * Windows-1252 has a few letters there (the S and Z of Czech and Croatian): before another letter
 * in the middle of a word they look like a pair, so pairs that end in a letter count for nothing.
 */
static bool is_shift_jis(const struct charset *charset, struct slice in)
{
    bool certain = false;

    while (in.n) {
        uint32_t code;
        unsigned char lead = (unsigned char)in.p[0];
        size_t taken = take(charset, in, &code);

        if (code == UTF8_REPLACEMENT)
            return false;
        if (taken == 2 && lead < 0xa0) {
            bool word_goes_on = in.n > 2 && (is_letter(in.p[2]) || (unsigned char)in.p[2] >= 0x80);

            certain |= !is_letter(in.p[1]) || !word_goes_on;
        }
        in = slice_from_offset(in, taken);
    }
    return certain;
}

/* Two bytes to a letter, both from 0xA1: in Latin-1 those up to 0xBF are signs, which no name has
 * among four that follow each other without ASCII in between. */
static bool is_pairs(struct slice in)
{
    size_t run = 0;
    bool signs = false;

    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];

        run = c >= 0xa1 ? run + 1 : 0;
        signs = run && (signs || c < 0xc0);
        if (run >= 4 && signs)
            return true;
    }
    return false;
}

/* All of it, with letters of the kana rows among it? */
static bool is_euc_jp(const struct charset *charset, struct slice in)
{
    bool kana = false;

    while (in.n) {
        uint32_t code;

        in = slice_from_offset(in, take(charset, in, &code));
        if (code == UTF8_REPLACEMENT)
            return false;
        kana |= code >= 0x3041 && code <= 0x30fe;
    }
    return kana;
}

static const struct charset *guess(struct slice bytes)
{
    const struct charset *shift_jis = find(SLICE("shift_jis")), *euc_jp = find(SLICE("euc-jp"));

    if (is_shift_jis(shift_jis, bytes))
        return shift_jis;
    if (is_pairs(bytes))
        return is_euc_jp(euc_jp, bytes) ? euc_jp : find(SLICE("gbk"));
    return find(SLICE("windows-1252"));
}

struct slice charset_guess(struct arena *arena, struct slice bytes)
{
    if (utf8_valid(bytes))
        return bytes;
    return mostly_utf8(bytes) ? repair(arena, bytes) : decode(arena, guess(bytes), bytes);
}

bool charset_decode(struct arena *arena, struct slice name, struct slice bytes, struct slice *out)
{
    const struct charset *charset = find(name);
    bool utf8 = slice_eq_nocase(name, SLICE("utf-8")) || slice_eq_nocase(name, SLICE("utf8"));

    if (utf8)
        *out = charset_guess(arena, bytes);
    else if (charset)
        *out = decode(arena, charset, bytes);
    return utf8 || charset;
}
