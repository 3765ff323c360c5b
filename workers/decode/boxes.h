/* boxes.h: the boxes of the ISO base media family (ISO 14496-12, QuickTime), and the items that
 * pictures keep in them (ISO 23008-12: HEIC, AVIF). */
#pragma once

#include "decode/scan.h"

struct box {
    uint64_t at;       /* of its head */
    struct slice type; /* 4 bytes */
    struct span body;
};

typedef void box_fn(struct scan *scan, const struct box *box, void *arg);

bool box_is(const struct box *box, const char *type);
/* A list of types that ends with NULL. */
bool box_is_among(const struct box *box, const char *const *types);
/* Of all in the span, in order; one that is cut off ends with the span. Returns where the boxes
 * end: behind it stands what is none. */
uint64_t box_each(struct scan *scan, struct span span, box_fn *fn, void *arg);
/* The first of the type; body.at is 0 where there is none. */
struct box box_child(struct scan *scan, struct span span, const char *type);

static inline uint64_t box_number(struct scan *scan, uint64_t at, unsigned width)
{
    return scan_number(scan, at, width, false);
}

/* One stretch of an item's data. */
struct item_part {
    bool exif, xmp;   /* XMP, or a text that may be it */
    struct span data; /* begins in the file */
    uint64_t i, n;    /* the i-th of n */
};

typedef void item_fn(struct scan *scan, const struct item_part *part, void *arg);

/* The children of a meta box: QuickTime's has no version and flags before them. */
struct span meta_children(struct scan *scan, const struct box *meta);
/* The parts of those items that are metadata, by the order of their places. */
void item_each(struct scan *scan, struct span meta, item_fn *fn, void *arg);
/* Of an item with EXIF: where its TIFF structure begins, or, with some encoders, "Exif\0\0". */
struct span item_exif(struct scan *scan, struct span data);
