#include "workers/tail.h"

#include "wire/wire.h"

#include <ctype.h>
#include <string.h>

/* The end of a word that may be a path. */
static bool ends_word(char c)
{
    return isspace((unsigned char)c) || strchr("'\"()<>,;", c);
}

static size_t path_bytes(struct slice rest)
{
    size_t n = 0;
    bool deep = false;

    while (n < rest.n && !ends_word(rest.p[n])) {
        deep = deep || (n > 0 && rest.p[n] == '/');
        n++;
    }
    while (n > 1 && strchr(":.", rest.p[n - 1])) /* of the sentence */
        n--;
    return deep ? n : 0;
}

/* " @ 0x55d0c8a3b1c0", as libav names its parts. */
static size_t address_bytes(struct slice rest)
{
    size_t n = 5;

    if (!slice_starts_with(rest, SLICE(" @ 0x")))
        return 0;
    while (n < rest.n && isxdigit((unsigned char)rest.p[n]))
        n++;
    return n;
}

static struct slice clean(struct arena *arena, struct slice line)
{
    enum { LINE_MAX_BYTES = 1000 };
    static const struct slice file = SLICE_INIT("the file");
    char *out = arena_alloc(arena, LINE_MAX_BYTES + file.n);
    size_t n = 0;

    for (char before = ' '; line.n && n < LINE_MAX_BYTES; before = line.p[-1]) {
        size_t path =
            line.p[0] == '/' && (ends_word(before) || before == '=') ? path_bytes(line) : 0;
        size_t skipped = path ? path : address_bytes(line);

        if (path) {
            memcpy(out + n, file.p, file.n);
            n += file.n;
        } else if (!skipped) {
            out[n++] = isspace((unsigned char)line.p[0]) ? ' ' : line.p[0];
        }
        line = slice_from_offset(line, skipped ? skipped : 1);
    }
    return wire_clip(arena, slice_trim((struct slice){out, n}), LINE_MAX_BYTES);
}

static bool is_among(const struct slice *lines, size_t n, struct slice line)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(lines[i], line))
            return true;
    return false;
}

/* The last line, which is taken off. */
static struct slice last_line(struct slice *text)
{
    size_t at = text->n;

    while (at > 0 && text->p[at - 1] != '\n')
        at--;
    struct slice line = slice_from_offset(*text, at);
    text->n = at > 0 ? at - 1 : 0;
    return line;
}

struct slice tail_for_people(struct arena *arena, struct slice said)
{
    struct slice lines[TAIL_MAX_LINES], all = SLICE_NONE;
    size_t n = 0, bytes = 0;

    while (said.n && n < TAIL_MAX_LINES) {
        struct slice line = clean(arena, last_line(&said));

        if (line.n == 0 || slice_starts_with(line, SLICE("Last message repeated")) ||
            is_among(lines, n, line))
            continue;
        if (n > 0 && bytes + line.n > TAIL_MAX_BYTES)
            break;
        bytes += line.n + 2;
        lines[n++] = line;
    }
    while (n-- > 0)
        all = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(all), all.n ? "; " : "",
                           SLICE_ARG(lines[n]));
    return wire_clip(arena, all, TAIL_MAX_BYTES);
}
