#include "catalogue/terms.h"

#include "base/buf.h"
#include "base/fold.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>

#define BEGINNING "^"
#define WORD "\""

enum { BEGINNING_LETTERS = 2 };

/* Days since 1970 are shifted to be positive, and what is further off is as far as this. */
static const int64_t day_ms = 24 * 3600 * 1000;
static const int64_t day_zero = 5000000, day_last = 9999999, block_days = 64;

/* -- Forms ------------------------------------------------------------------------------------ */

struct slice term_scope(struct arena *arena, int64_t number)
{
#define SCOPE(name, NAME, type, value) return term_filter_number(arena, #name, number);
#include "catalogue.def"
}

struct slice term_filter(struct arena *arena, const char *field, struct slice value)
{
    return arena_printf(arena, "%s=%.*s", field, SLICE_ARG(value));
}

struct slice term_filter_number(struct arena *arena, const char *field, int64_t value)
{
    return arena_printf(arena, "%s=%" PRId64, field, value);
}

static struct slice word(struct arena *arena, struct slice text)
{
    return arena_printf(arena, WORD "%.*s", SLICE_ARG(text));
}

static struct slice beginning(struct arena *arena, struct slice text)
{
    return arena_printf(arena, BEGINNING "%.*s", SLICE_ARG(text));
}

/* The first n letters; all of it where it has no more. */
static struct slice letters(struct slice text, size_t n)
{
    size_t at = 0;

    while (n-- > 0 && at < text.n) {
        uint32_t code;
        size_t bytes = utf8_take(slice_from_offset(text, at), &code);

        at += bytes ? bytes : 1;
    }
    return (struct slice){text.p, at};
}

static int64_t day_of(int64_t ms)
{
    int64_t day = ms / day_ms - (ms % day_ms < 0) + day_zero;

    return day < 0 ? 0 : day > day_last ? day_last : day;
}

static struct slice term_day(struct arena *arena, const char *field, int64_t day)
{
    return arena_printf(arena, "%s/d%08" PRId64, field, day);
}

static struct slice term_block(struct arena *arena, const char *field, int64_t block)
{
    return arena_printf(arena, "%s/b%08" PRId64, field, block);
}

/* -- Of a media ------------------------------------------------------------------------------- */

struct gathering {
    struct arena *arena;
    struct buf lines;
};

static void add_line(struct gathering *gathering, struct slice term)
{
    buf_add(&gathering->lines, term);
    buf_add_char(&gathering->lines, '\n');
}

static void add_words(struct gathering *gathering, const struct words *words, struct slice text)
{
    struct slice *found;
    size_t n;

    words_split(words, gathering->arena, text, &found, &n);
    for (size_t i = 0; i < n; i++)
        add_line(gathering, word(gathering->arena, found[i]));
}

static int compare(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static size_t sort_unique(struct slice *terms, size_t n)
{
    size_t kept = 0;

    if (n)
        qsort(terms, n, sizeof *terms, compare);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !slice_eq(terms[i], terms[kept - 1]))
            terms[kept++] = terms[i];
    return kept;
}

static size_t lines_of(struct slice text, struct slice *out)
{
    struct slice line;
    size_t n = 0;

    while (slice_split(text, '\n', &line, &text))
        if (line.n)
            out[n++] = line;
    return n;
}

static size_t count_lines(struct slice text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static struct slice sorted_lines(struct arena *arena, struct slice text)
{
    struct slice *lines = ARENA_ARRAY(arena, struct slice, count_lines(text));
    size_t n = sort_unique(lines, lines_of(text, lines));
    struct buf out;

    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(&out, '\n');
        buf_add(&out, lines[i]);
    }
    struct slice sorted = arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return sorted;
}

#define FILTER_TEXT(name, value) add_line(&gathering, term_filter(arena, #name, value));
#define FILTER_ENUM(name, value) add_line(&gathering, term_filter_number(arena, #name, value));
#define FILTER_LIST(name, values, n)                                                               \
    for (size_t i = 0; i < (n); i++)                                                               \
        add_line(&gathering, term_filter(arena, #name, (values)[i]));

struct slice terms_of(struct arena *arena, const struct words *words, const struct media *media,
                      int64_t scope)
{
    struct gathering gathering = {.arena = arena};

    buf_init(&gathering.lines, SIZE_MAX);
    add_line(&gathering, term_scope(arena, scope));
#define FILTER(name, NAME, type, ...) FILTER_##type(name, __VA_ARGS__)
#define WORDS(name, NAME, type, value) add_words(&gathering, words, value);
#define SPAN(name, NAME, type, value) add_line(&gathering, term_day(arena, #name, day_of(value)));
#include "catalogue.def"
    struct slice lines = sorted_lines(arena, buf_slice(&gathering.lines));
    buf_fini(&gathering.lines);
    return lines;
}

/* The block of a day's line; empty: it is none. */
static struct slice block_of(struct arena *arena, struct slice line)
{
    uint64_t day;

#define SPAN(name, NAME, type, value)                                                              \
    if (slice_starts_with(line, SLICE(#name "/d")) &&                                              \
        slice_to_u64(slice_from_offset(line, sizeof #name "/d" - 1), &day))                        \
        return term_block(arena, #name, (int64_t)day / block_days);
#include "catalogue.def"
    return SLICE_NONE;
}

void terms_expand(struct arena *arena, struct slice lines, struct slice **out, size_t *n)
{
    size_t given = count_lines(lines);
    struct slice *terms = ARENA_ARRAY(arena, struct slice, given * (1 + BEGINNING_LETTERS) + 1);
    size_t all;

    given = all = lines_of(lines, terms);
    terms[all++] = TERM_ALL;
    for (size_t i = 0; i < given; i++) {
        struct slice block = block_of(arena, terms[i]);

        if (block.n)
            terms[all++] = block;
        for (size_t k = 1; k <= BEGINNING_LETTERS && slice_starts_with(terms[i], SLICE(WORD)); k++)
            terms[all++] = beginning(arena, letters(slice_from_offset(terms[i], 1), k));
    }
    *out = terms;
    *n = sort_unique(terms, all);
}

/* -- Asked for -------------------------------------------------------------------------------- */

static struct term_want want_one(struct arena *arena, struct posting_range range)
{
    struct term_want want = {.ranges = ARENA_NEW(arena, struct posting_range), .n = 1};

    *want.ranges = range;
    return want;
}

static struct posting_range begins_with(struct arena *arena, struct slice text)
{
    if (letters(text, BEGINNING_LETTERS).n == text.n)
        return (struct posting_range){.from = beginning(arena, text)};
    return posting_prefix(arena, word(arena, text));
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice take_piece(struct slice *rest)
{
    size_t n = 0;

    while (n < rest->n && !is_blank(rest->p[n]))
        n++;
    struct slice piece = {rest->p, n};
    *rest = slice_from_offset(*rest, n < rest->n ? n + 1 : n);
    return piece;
}

void terms_asked(struct arena *arena, const struct words *words, struct slice text,
                 struct term_want **out, size_t *n)
{
    struct slice rest = text_fold(arena, text); /* all blanks are plain then */

    /* A letter makes at most two words: itself and a pair. */
    *out = ARENA_ARRAY(arena, struct term_want, 2 * rest.n + 1);
    *n = 0;
    while (rest.n) {
        struct slice piece = take_piece(&rest), *found;
        size_t found_n;

        words_split(words, arena, piece, &found, &found_n);
        for (size_t i = 0; i < found_n; i++)
            (*out)[(*n)++] = want_one(
                arena, i + 1 < found_n ? (struct posting_range){.from = word(arena, found[i])}
                                       : begins_with(arena, found[i]));
    }
}

struct term_want terms_span(struct arena *arena, const char *field, int64_t from, int64_t before,
                            struct slice edges[2])
{
    struct term_want want = {.ranges = ARENA_ARRAY(arena, struct posting_range, 3)};
    int64_t first = day_of(from), end = day_of(before) + 1;
    int64_t block = (first + block_days - 1) / block_days, block_end = end / block_days;

    edges[0] = term_day(arena, field, first);
    edges[1] = term_day(arena, field, end - 1);
    if (block >= block_end) {
        want.ranges[want.n++] = (struct posting_range){edges[0], term_day(arena, field, end)};
        return want;
    }
    want.ranges[want.n++] =
        (struct posting_range){edges[0], term_day(arena, field, block * block_days)};
    want.ranges[want.n++] = (struct posting_range){term_block(arena, field, block),
                                                   term_block(arena, field, block_end)};
    want.ranges[want.n++] = (struct posting_range){term_day(arena, field, block_end * block_days),
                                                   term_day(arena, field, end)};
    return want;
}
