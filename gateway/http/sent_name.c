#include "gateway/http/sent_name.h"

#include "base/charset.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

enum { SUFFIX_MAX = 16 };

/* -- Encodings -------------------------------------------------------------------------------- */

/* The three characters that browsers escape so, and nothing else: a name may well have a %. */
static struct slice undo_form_escapes(struct arena *arena, struct slice in)
{
    static const struct {
        struct slice escape;
        char c;
    } rows[] = {{SLICE_INIT("%22"), '"'}, {SLICE_INIT("%0D"), '\r'}, {SLICE_INIT("%0A"), '\n'}};
    char *p = arena_alloc(arena, in.n + 1);
    size_t n = 0;

    while (in.n) {
        size_t taken = 1;

        p[n] = in.p[0];
        for (size_t i = 0; in.p[0] == '%' && i < sizeof rows / sizeof rows[0]; i++) {
            if (in.n >= 3 && slice_eq_nocase((struct slice){in.p, 3}, rows[i].escape)) {
                p[n] = rows[i].c;
                taken = 3;
            }
        }
        n++;
        in = slice_from_offset(in, taken);
    }
    return (struct slice){p, n};
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* What follows `escape` as two hex digits; what does not stays. */
static struct slice unescape(struct arena *arena, struct slice in, char escape)
{
    char *p = arena_alloc(arena, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        int high = in.p[i] == escape && i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.p[i + 2]) : -1;

        char c = in.p[i];

        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        p[n++] = c;
    }
    return (struct slice){p, n};
}

/* RFC 8187: charset'language'percent-encoded. False: it is nothing of the kind. *clean: it keeps to
 * that in all. */
static bool extended_value(struct arena *arena, struct slice value, struct slice *out, bool *clean)
{
    struct slice charset, language, encoded, rest, ignored;

    *clean = false;
    if (!slice_split(value, '\'', &charset, &rest) ||
        !slice_split(rest, '\'', &language, &encoded) || !encoded.p)
        return false;
    struct slice bytes = unescape(arena, encoded, '%');
    bool known = charset_decode(arena, charset, bytes, out);
    bool utf8 = slice_eq_nocase(charset, SLICE("UTF-8"));
    if (!known)
        *out = charset_guess(arena, bytes);
    *clean = known && encoded.n && text_percent_decode(arena, encoded, false, &ignored) &&
             (!utf8 || utf8_valid(bytes));
    return true;
}

/* RFC 2047 section 4: the text of "=?charset?encoding?text?=". */
static bool word_text(struct arena *arena, struct slice encoding, struct slice text,
                      struct slice *out)
{
    if (slice_eq_nocase(encoding, SLICE("B")))
        return text_unbase64(arena, text, out);
    if (!slice_eq_nocase(encoding, SLICE("Q")))
        return false;
    char *p = arena_cstr(arena, text);
    for (size_t i = 0; i < text.n; i++)
        if (p[i] == '_')
            p[i] = ' ';
    *out = unescape(arena, (struct slice){p, text.n}, '=');
    return true;
}

/* Takes one encoded word off the front of *in. */
static bool take_word(struct arena *arena, struct slice *in, struct slice *out)
{
    struct slice charset, encoding, text, rest, bytes;

    if (!slice_starts_with(*in, SLICE("=?")))
        return false;
    if (!slice_split(slice_from_offset(*in, 2), '?', &charset, &rest) ||
        !slice_split(rest, '?', &encoding, &rest) || !slice_split(rest, '?', &text, &rest) ||
        rest.n == 0 || rest.p[0] != '=' || !word_text(arena, encoding, text, &bytes) ||
        !charset_decode(arena, charset, bytes, out))
        return false;
    *in = slice_from_offset(rest, 1);
    return true;
}

/* Mail programs and some servers' clients write names so; a blank between two words is none. */
static struct slice undo_words(struct arena *arena, struct slice in)
{
    char *p = arena_alloc(arena, UTF8_BMP_BYTES * in.n + 1); /* as much as a charset can grow */
    bool after_word = false;
    size_t n = 0;

    while (in.n) {
        struct slice ahead = slice_trim(in), word = {in.p, 1};
        bool found = after_word && take_word(arena, &ahead, &word);

        if (found)
            in = ahead;
        else if (!(found = take_word(arena, &in, &word)))
            in = slice_from_offset(in, 1);
        memcpy(p + n, word.p, word.n);
        n += word.n;
        after_word = found;
    }
    return (struct slice){p, n};
}

static struct slice plain_value(struct arena *arena, const struct param *param)
{
    struct slice value = param->value;
    size_t at;

    if (param->quoted && slice_find(value, '%', &at))
        value = undo_form_escapes(arena, value);
    if (value.n && memmem(value.p, value.n, "=?", 2))
        value = undo_words(arena, value);
    return value;
}

/* -- Characters ------------------------------------------------------------------------------- */

/* Those that make a name look like another one: "photo\u202Egpj.exe". */
static bool turns_direction(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

static struct slice presentable(struct arena *arena, struct slice in)
{
    char *p = arena_alloc(arena, in.n + 1);
    size_t n = 0;

    while (in.n) {
        uint32_t code;
        size_t taken = utf8_take(in, &code);

        if (taken == 0) /* cannot be: what comes here was decoded */
            taken = 1;
        else if (is_control(code))
            p[n++] = ' ';
        else if (!turns_direction(code) && code != 0xfeff)
            n += utf8_put(p + n, code);
        in = slice_from_offset(in, taken);
    }
    return slice_trim((struct slice){p, n});
}

struct slice sent_name(struct arena *arena, const struct param *param)
{
    return utf8_cut(presentable(arena, plain_value(arena, param)), SENT_NAME_MAX);
}

/* Whatever folders the sender names are not ours. */
static struct slice last_segment(struct slice path)
{
    size_t start = path.n;

    while (start > 0 && path.p[start - 1] != '/' && path.p[start - 1] != '\\')
        start--;
    struct slice name = slice_trim(slice_from_offset(path, start));
    if (slice_eq(name, SLICE(".")) || slice_eq(name, SLICE("..")))
        return SLICE("");
    return name;
}

static struct slice shorten(struct arena *arena, struct slice name)
{
    size_t dot = name.n;

    if (name.n <= SENT_NAME_MAX)
        return name;
    while (dot > name.n - SUFFIX_MAX && name.p[dot - 1] != '.')
        dot--;
    struct slice suffix = slice_from_offset(name, dot > name.n - SUFFIX_MAX ? dot - 1 : name.n);
    return arena_printf(arena, "%.*s%.*s", SLICE_ARG(utf8_cut(name, SENT_NAME_MAX - suffix.n)),
                        SLICE_ARG(suffix));
}

struct slice sent_filename(struct arena *arena, const struct param *plain,
                           const struct param *extended)
{
    struct slice name;
    bool clean;

    if (!extended || !extended_value(arena, extended->value, &name, &clean) || (plain && !clean))
        name = plain_value(arena, plain ? plain : extended);
    return shorten(arena, last_segment(presentable(arena, name)));
}
