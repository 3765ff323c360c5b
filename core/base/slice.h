/* slice.h: a borrowed view of bytes, passed by value. Not NUL-terminated: where a library wants a
 * C string, arena_cstr() makes one. Whoever keeps a slice past the call copies it first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *p;
    size_t n;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_INIT(literal)                                                                        \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }                                  /* for static tables */
#define SLICE_ARG(s) (int)(s).n, (s).p /* for "%.*s" */
#define SLICE_NONE ((struct slice){NULL, 0})

struct slice slice_from(const char *cstr); /* NULL gives an empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII letters only */
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
int slice_compare(struct slice a, struct slice b);             /* memcmp order, then length */
struct slice slice_from_offset(struct slice s, size_t offset); /* offset <= s.n */
struct slice slice_trim(struct slice s);                       /* spaces and tabs, both ends */
bool slice_find(struct slice s, char c, size_t *at);

/* Cuts s at the first `separator`: *head gets what stands before it, *rest what follows (empty and
 * NULL when there is no separator). False when s is exhausted (s.p == NULL). */
bool slice_split(struct slice s, char separator, struct slice *head, struct slice *rest);

/* Decimal digits only, no sign, no blanks; false on overflow or anything else. */
bool slice_to_u64(struct slice s, uint64_t *out);
bool slice_to_i64(struct slice s, int64_t *out); /* an optional leading '-' */
