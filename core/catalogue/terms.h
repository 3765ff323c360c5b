/* terms.h: what media are found by (schemas/records.yaml, `catalogue`), each term a set of rows
 * (posting.h):
 *   all               every one
 *   owner=12          of a scope, by its number
 *   type=0 tags=sea   filters, by their value
 *   "sea              a word; ^s and ^se: words that begin with these one or two letters
 *   taken_ms/d05019675, taken_ms/b00078432   spans: the day, and the block of 64 days
 *   late, late-all    rows behind a younger one of their scope, or of all (catalogue.c) */
#pragma once

#include "catalogue/posting.h"
#include "catalogue/words.h"
#include "records.h"

#define TERM_ALL SLICE("all")
#define TERM_LATE SLICE("late")
#define TERM_LATE_ALL SLICE("late-all")

struct slice term_scope(struct arena *arena, int64_t number);
struct slice term_filter(struct arena *arena, const char *field, struct slice value);
struct slice term_filter_number(struct arena *arena, const char *field, int64_t value);

/* Those of a media that the others follow from, sorted, one a line. */
struct slice terms_of(struct arena *arena, const struct words *words, const struct media *media,
                      int64_t scope);
/* All that follow from these lines; sorted, none twice. */
void terms_expand(struct arena *arena, struct slice lines, struct slice **out, size_t *n);

/* What is asked for: a term of one of these ranges. */
struct term_want {
    struct posting_range *ranges;
    size_t n;
};

/* Every word of the text, the last of each piece between blanks by its beginning. *n 0: it has
 * none.
 */
void terms_asked(struct arena *arena, const struct words *words, struct slice text,
                 struct term_want **out, size_t *n);
/* The days from <= t < before, whole or in part; edges[2]: the terms of the first and the last one,
 * whose rows are to be looked at. */
struct term_want terms_span(struct arena *arena, const char *field, int64_t from, int64_t before,
                            struct slice edges[2]);
