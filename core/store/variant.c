#include "store/variant.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const struct variant_row table[VARIANT_COUNT] = {
#define VARIANT(name, kind, text, pixels, file, mime, bit, former_file, former_mime, former_bit)   \
    [VARIANT_##name] = {SLICE_INIT(text),                                                          \
                        kind,                                                                      \
                        pixels,                                                                    \
                        {SLICE_INIT(file), mime, bit},                                             \
                        {SLICE_INIT(former_file), former_mime, former_bit}},
#include "variants.def"
#undef VARIANT
};

const struct variant_row *variant_row(enum variant variant)
{
    assert(variant < VARIANT_COUNT);
    return &table[variant];
}

bool variant_parse(struct slice name, enum variant *out)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        if (table[v].kind != VARIANT_MASK && slice_eq(table[v].name, name)) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* -- Rows ------------------------------------------------------------------------------------- */

/* NULL: a type that only another version knows. */
static const struct variant_file *file_of(const struct variant_row *row, struct slice mime)
{
    if (slice_eq(mime, slice_from(row->now.mime)))
        return &row->now;
    return row->former.name.n && slice_eq(mime, slice_from(row->former.mime)) ? &row->former : NULL;
}

bool variant_is_etag(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if ((word.p[i] < '0' || word.p[i] > '9') && (word.p[i] < 'a' || word.p[i] > 'f'))
            return false;
    return word.n == VARIANT_ETAG_HEX;
}

static bool parse(struct slice text, const struct variant_row *row, struct variant_made *out)
{
    struct slice word;

    *out = (struct variant_made){0};
    if (!slice_starts_with(text, row->name) || !slice_split(text, ' ', &word, &text) ||
        word.n != row->name.n || !slice_split(text, ' ', &word, &text))
        return false;
    out->file = file_of(row, word);
    if (!out->file || !slice_split(text, ' ', &word, &text))
        return false;
    bool known = slice_to_u64(word, &out->size);
    if (!slice_split(text, ' ', &out->etag, &text))
        return false;
    if (!known)
        out->etag = SLICE_NONE;
    out->asked = slice_eq(text, SLICE("asked"));
    return !known || variant_is_etag(out->etag);
}

/* In the number of a record from before there were rows. */
static bool find_bit(uint64_t number, const struct variant_row *row, struct variant_made *out)
{
    const struct variant_file *file = number & row->former.bit ? &row->former
                                      : number & row->now.bit  ? &row->now
                                                               : NULL;

    *out = (struct variant_made){.file = file};
    return file != NULL;
}

bool variant_find(const struct slice *rows, size_t n, enum variant variant,
                  struct variant_made *out)
{
    const struct variant_row *row = variant_row(variant);
    uint64_t number;

    if (n == 1 && slice_to_u64(rows[0], &number))
        return find_bit(number, row, out);
    for (size_t i = 0; i < n; i++)
        if (parse(rows[i], row, out))
            return true;
    return false;
}

bool variant_exists(const struct slice *rows, size_t n, enum variant variant)
{
    struct variant_made made;

    return variant_find(rows, n, variant, &made);
}

static bool is_former(enum variant variant, const struct variant_made *made)
{
    return made->file != &table[variant].now;
}

bool variant_outdated(const struct slice *rows, size_t n)
{
    struct variant_made made;

    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (variant_find(rows, n, v, &made) && is_former(v, &made) && !made.asked)
            return true;
    return false;
}

struct slice variant_format(struct arena *arena, enum variant variant,
                            const struct variant_made *made)
{
    const char *asked = made->asked ? " asked" : "";
    struct slice name = variant_row(variant)->name;

    if (!made->etag.n)
        return arena_printf(arena, "%.*s %s - -%s", SLICE_ARG(name), made->file->mime, asked);
    return arena_printf(arena, "%.*s %s %" PRIu64 " %.*s%s", SLICE_ARG(name), made->file->mime,
                        made->size, SLICE_ARG(made->etag), asked);
}

struct slice *variant_asked(struct arena *arena, const struct slice *rows, size_t n,
                            const bool *lost, size_t *out_n)
{
    struct slice *asked = ARENA_ARRAY(arena, struct slice, VARIANT_COUNT);
    struct variant_made made;

    *out_n = 0;
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        if ((lost && lost[v]) || !variant_find(rows, n, v, &made))
            continue;
        made.asked = is_former(v, &made);
        asked[(*out_n)++] = variant_format(arena, v, &made);
    }
    return asked;
}

void variant_file_name(char out[VARIANT_FILE_BYTES], struct slice plain, struct slice etag)
{
    size_t stem = plain.n;

    slice_find(plain, '.', &stem);
    int n = snprintf(out, VARIANT_FILE_BYTES, "%.*s%s%.*s%.*s", (int)stem, plain.p,
                     etag.n ? "-" : "", SLICE_ARG(etag), (int)(plain.n - stem), plain.p + stem);
    assert(n > 0 && n < VARIANT_FILE_BYTES);
    (void)n;
}
