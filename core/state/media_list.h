/* media_list.h: which media there are: pages of them by owner, type, tag and text in an order, and
 * all of them bit by bit. Reads the indexes that media.h keeps (media_index.h). */
#pragma once

#include "state/media_index.h"

struct media_filter {
    struct slice owner; /* empty: everybody's (admins) */
    bool by_type;
    enum media_type type;
    struct slice tag;  /* empty: any */
    struct slice text; /* in title, description, file name; empty: any */
    enum { MEDIA_SORT_CREATED, MEDIA_SORT_TITLE, MEDIA_SORT_SIZE, MEDIA_SORT_TAKEN } sort;
    bool ascending;
    uint64_t skip, limit; /* limit <= 100 */
};

/* Sorted by creation with at most one of type and tag, a page is a range of one index. Everything
 * else (other orders, text, type and tag together) looks at the records, of the newest
 * MEDIA_SCAN_MAX in the narrowest index at most: older ones are then neither found nor counted in
 * `total`. By `taken`, media without that time count as taken at their creation. Text and titles
 * compare without case, accents and forms of letters (base/fold.h). With several partitions and no
 * owner, a page past MEDIA_SCAN_MAX is ERR_UNPROCESSABLE. Takes 2 round trips for a range; one more
 * per 100 records looked at. */
enum { MEDIA_SCAN_MAX = 10000, MEDIA_PAGE_MAX = 100 };

enum err media_list(struct task *task, struct state *state, const struct media_filter *filter,
                    struct media **out, size_t *n, uint64_t *total);

/* All of a partition's media, some at a time: *cursor is 0 before the first call and again after
 * the last. Those that stay are seen, some of them twice; those that come or go may be. */
enum err media_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                    struct media **out, size_t *n);
