/* private_box.h: what the parts that read boxes of the ISO base media family share. */
#pragma once

#include "decode/private_scan.h"

struct box {
    uint64_t at;       /* of its head */
    struct slice type; /* 4 bytes */
    struct span body;
};

typedef void box_fn(struct scan *scan, const struct box *box, void *arg);

bool box_is(const struct box *box, const char *type);
/* A list of types that ends with NULL. */
bool box_is_among(const struct box *box, const char *const *types);
/* Returns where the boxes end: behind it stands what is none. */
uint64_t box_each(struct scan *scan, struct span span, box_fn *fn, void *arg);
/* body.at is 0 where there is none. */
struct box box_child(struct scan *scan, struct span span, const char *type);
/* Space that nobody reads, of the same size. */
void box_blank(struct scan *scan, const struct box *box);

static inline uint64_t box_number(struct scan *scan, uint64_t at, unsigned width)
{
    return scan_number(scan, at, width, false);
}

static inline struct span span_behind(struct span span, uint64_t n)
{
    if (n > span.n)
        n = span.n;
    return (struct span){span.at + n, span.n - n};
}

void private_meta(struct scan *scan, const struct box *meta);
/* The media box of a track. False: it is a track of measurements whose samples stand elsewhere
 * than in the tables, if the file has fragments. */
bool private_track(struct scan *scan, struct span media);
