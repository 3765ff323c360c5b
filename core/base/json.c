#include "base/json.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* jansson calls itself for every level: an 800-deep array would run over a fiber's stack. */
static bool depth_is_sane(struct slice text)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH)
                return false;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static void release(void *arg)
{
    json_decref(arg);
}

json_t *json_parse(struct arena *arena, struct slice text)
{
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_from_offset(text, 3);
    if (text.n == 0 || !depth_is_sane(text))
        return NULL;
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (value)
        arena_defer(arena, release, value);
    return value;
}

struct slice json_get_slice(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return SLICE_NONE;
    return (struct slice){json_string_value(value), json_string_length(value)};
}

bool json_get_u64(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static struct slice dump(struct arena *arena, const json_t *value, size_t flags)
{
    size_t n = json_dumpb(value, NULL, 0, flags);
    char *p = arena_alloc(arena, n + 1);

    json_dumpb(value, p, n, flags);
    p[n] = '\0';
    return (struct slice){p, n};
}

struct slice json_dump(struct arena *arena, const json_t *value)
{
    return dump(arena, value, JSON_COMPACT | JSON_ENCODE_ANY);
}

struct slice json_dump_sorted(struct arena *arena, const json_t *value)
{
    return dump(arena, value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

void jw_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void put(struct json_writer *w, struct slice text)
{
    buf_add(w->out, text);
}

static void begin_value(struct json_writer *w)
{
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

static void open_bracket(struct json_writer *w, char bracket)
{
    begin_value(w);
    buf_add_char(w->out, bracket);
    w->comma = false;
}

static void close_bracket(struct json_writer *w, char bracket)
{
    buf_add_char(w->out, bracket);
    w->comma = true;
}

void jw_object(struct json_writer *w)
{
    open_bracket(w, '{');
}

void jw_object_end(struct json_writer *w)
{
    close_bracket(w, '}');
}

void jw_array(struct json_writer *w)
{
    open_bracket(w, '[');
}

void jw_array_end(struct json_writer *w)
{
    close_bracket(w, ']');
}

void jw_key(struct json_writer *w, const char *key)
{
    begin_value(w);
    buf_add_char(w->out, '"');
    put(w, slice_from(key));
    put(w, SLICE("\":"));
    w->comma = false;
}

static void put_control(struct json_writer *w, unsigned char c)
{
    static const char letters[] = "btn?fr";

    if (c >= '\b' && c <= '\r' && c != '\v')
        put(w, (struct slice){(char[]){'\\', letters[c - '\b']}, 2});
    else
        buf_printf(w->out, "\\u%04x", c);
}

/* How many bytes at the front of text stand in a JSON string as they are. */
static size_t plain_bytes(struct slice text)
{
    size_t n = 0;

    while (n < text.n) {
        unsigned char c = (unsigned char)text.p[n];
        size_t bytes = c < 0x80 ? 1 : utf8_take(slice_from_offset(text, n), NULL);

        if (bytes == 0 || c < 0x20 || c == '"' || c == '\\')
            break;
        n += bytes;
    }
    return n;
}

/* Writes what stands at the front of text and says how many bytes of it that was. Runs of plain
 * bytes go out in one piece; a byte that is not UTF-8 becomes U+FFFD, so the result is always JSON.
 */
static size_t put_piece(struct json_writer *w, struct slice text)
{
    size_t n = plain_bytes(text);

    if (n) {
        put(w, (struct slice){text.p, n});
        return n;
    }
    unsigned char c = (unsigned char)text.p[0];
    if (c >= 0x80)
        put(w, SLICE("\xEF\xBF\xBD"));
    else if (c < 0x20)
        put_control(w, c);
    else
        put(w, (struct slice){(char[]){'\\', (char)c}, 2});
    return 1;
}

void jw_slice(struct json_writer *w, struct slice text)
{
    begin_value(w);
    buf_add_char(w->out, '"');
    while (text.n)
        text = slice_from_offset(text, put_piece(w, text));
    buf_add_char(w->out, '"');
}

/* n / 10^decimals, with as many digits behind the point. */
static void put_number(struct json_writer *w, bool negative, uint64_t n, size_t decimals)
{
    char room[24], *const end = room + sizeof room, *at = end;
    size_t least = decimals ? decimals + sizeof "." : 1;

    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
        if (decimals && (size_t)(end - at) == decimals)
            *--at = '.';
    } while (n || (size_t)(end - at) < least);
    begin_value(w);
    if (negative)
        buf_add_char(w->out, '-');
    put(w, (struct slice){at, (size_t)(end - at)});
}

void jw_i64(struct json_writer *w, int64_t value)
{
    put_number(w, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 0);
}

/* A number with few decimals, as nearly all are. Numerator and power of ten are exact, so their
 * quotient is what a reader of the decimals gets too. */
static bool put_decimal(struct json_writer *w, double value)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const double exact = 1e15;

    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        double n = rint(fabs(value) * powers[i]);

        if (n > exact)
            return false;
        if (n / powers[i] == fabs(value)) {
            put_number(w, value < 0, (uint64_t)n, i);
            return true;
        }
    }
    return false;
}

/* The shortest digits that read back as the same number. JSON has no NaN. */
void jw_double(struct json_writer *w, double value)
{
    char text[32];

    if (!isfinite(value)) {
        jw_null(w);
        return;
    }
    if (put_decimal(w, value))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    begin_value(w);
    put(w, slice_from(text));
}

static void write_bool(struct json_writer *w, bool value)
{
    begin_value(w);
    put(w, value ? SLICE("true") : SLICE("false"));
}

void jw_null(struct json_writer *w)
{
    begin_value(w);
    put(w, SLICE("null"));
}

void jw_raw(struct json_writer *w, struct slice json)
{
    begin_value(w);
    put(w, json);
}

void jw_str(struct json_writer *w, const char *key, struct slice text)
{
    jw_key(w, key);
    jw_slice(w, text);
}

void jw_str_or_null(struct json_writer *w, const char *key, struct slice text)
{
    jw_key(w, key);
    if (text.n)
        jw_slice(w, text);
    else
        jw_null(w);
}

void jw_int(struct json_writer *w, const char *key, int64_t value)
{
    jw_key(w, key);
    jw_i64(w, value);
}

void jw_flag(struct json_writer *w, const char *key, bool value)
{
    jw_key(w, key);
    write_bool(w, value);
}

void jw_moment(struct json_writer *w, const char *key, int64_t unix_ms)
{
    jw_key(w, key);
    if (unix_ms == 0) {
        jw_null(w);
        return;
    }
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339_into(text, unix_ms);
    jw_slice(w, (struct slice){text, sizeof text});
}

void jw_time(struct json_writer *w, const char *key, uint64_t unix_ms)
{
    jw_moment(w, key, (int64_t)unix_ms);
}
