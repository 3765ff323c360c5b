/* list.h: what is asked of the catalogue, and what comes back. */
#pragma once

#include "base/arena.h"
#include "records.h"
#include "state/position.h"

enum catalogue_sort {
#define ORDER(name, NAME, type, value) SORT_##NAME, /* where nothing is said */
#include "catalogue.def"
#define SORT(name, NAME, type, value) SORT_##NAME,
#include "catalogue.def"
    SORT_COUNT
};

/* Where a page ended: what comes behind it in this order, whatever came or went meanwhile, also in
 * another host's catalogue, where rows have other numbers. */
struct list_cursor {
    bool set;
    struct slice id;
    int64_t created_ms;
    int64_t number;    /* what was sorted by */
    struct slice text; /* or this */
};

struct list_filter {
    struct slice owner; /* empty: everybody's */
    bool by_type;
    enum media_type type;
    struct slice tag;        /* empty: any */
    struct slice collection; /* likewise */
    struct slice text;       /* words, each found by its beginning; empty: any */
    /* Unix ms, from <= x < before; both 0: any. */
    int64_t created_from, created_before, taken_from, taken_before;
    bool by_created, by_taken;
    enum catalogue_sort sort;
    bool ascending;
    uint64_t skip, limit;
    struct list_cursor after;
    /* Of the original, in lower case: the owner's that have it, the newest first, and beside limit
     * nothing else counts; empty: any. */
    struct slice sha256;
};

struct list_page {
    struct slice *ids; /* in the arena */
    size_t n;
    uint64_t total;          /* of all pages */
    struct list_cursor next; /* not set: this was the last one */
};

/* What the answer must not be older than. */
struct list_need {
    unsigned partition;
    struct head head;
};

/* The column behind an order, and of which type it is. */
struct sort_row {
    const char *column;
    bool text;
};
const struct sort_row *sort_row(enum catalogue_sort sort);

/* A cursor as clients see it. False: not one of ours, or of another order. */
struct slice list_cursor_format(struct arena *arena, const struct list_filter *filter,
                                const struct list_cursor *cursor);
bool list_cursor_parse(struct arena *arena, struct slice text, const struct list_filter *filter,
                       struct list_cursor *out);
