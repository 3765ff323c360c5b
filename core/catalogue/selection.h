/* selection.h: which rows a list is made of, while it is found out: inside of search.c and page.c.
 * All functions: false is a fault of the file. */
#pragma once

#include "catalogue/list.h"
#include "catalogue/terms.h"

struct selection {
    struct sql *sql;
    const struct words *words;
    struct arena *arena;
    const struct list_filter *filter;
    int64_t owner; /* its number; 0: everybody's */
    struct posting_range scope;
    struct term_want *wants; /* besides */
    size_t want_n;
    struct slice edges[2];  /* days whose rows may be outside of the span of taken; empty: none */
    uint64_t row_end;       /* behind the last row that there is */
    uint64_t scope_n;       /* rows of the scope */
    roaring_bitmap_t *rows; /* all that is meant */
    roaring_bitmap_t *late; /* in this scope; read where the order of creation matters */
    int64_t after_row;      /* of the filter's cursor, or where it was; by page.c */
};

/* A row with what it is sorted by. */
struct key {
    int64_t row, number;
    struct slice text, id;
    int64_t created_ms;
};

/* Fills in owner, scope, rows and what they come from; nothing is meant where owner is not known or
 * the text has no word. rows and late are there already, and empty. */
bool selection_gather(struct selection *s);

uint32_t *selection_members(struct selection *s, const roaring_bitmap_t *rows, size_t *n);
bool selection_number(struct selection *s, const char *column, uint32_t row, int64_t *out);
/* The late ones among them, with the number that created_ms is. */
bool selection_late(struct selection *s, struct key **out, size_t *n);
/* The first row beyond a place in the order of creation that is not late. *found: there is one. */
bool selection_beyond(struct selection *s, int64_t created_ms, int64_t row, bool ascending,
                      uint32_t *out, bool *found);
