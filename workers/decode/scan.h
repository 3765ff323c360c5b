/* scan.h: the bytes of a whole file, walked with a sticky flag instead of an error after each
 * number. */
#pragma once

#include "base/slice.h"

/* Directories, boxes, chunks that are looked at in one file. */
enum { SCAN_STEPS = 1 << 22 };

struct mask;

struct scan {
    struct slice file;
    struct mask *mask; /* that is being made (private.h); NULL when nothing is */
    bool broken;       /* a number was asked for that lies outside, or the steps are used up */
    unsigned steps;    /* taken so far */
    unsigned depth;    /* of pictures within pictures' metadata */
};

/* Bytes [at, at + n) of the file. */
struct span {
    uint64_t at, n;
};

static inline bool scan_holds(const struct scan *scan, uint64_t at, uint64_t n)
{
    return at <= scan->file.n && n <= scan->file.n - at;
}

/* One more thing is looked at; false, and broken, past SCAN_STEPS. */
bool scan_step(struct scan *scan);
/* An unsigned number of `width` bytes at `at`; 0, and broken, when it does not lie in the file. */
uint64_t scan_number(struct scan *scan, uint64_t at, unsigned width, bool little_endian);
bool scan_is(const struct scan *scan, uint64_t at, struct slice bytes);
struct slice scan_slice(const struct scan *scan, struct span span); /* cut to the file */
/* Does one of these stand in it? Cases are the same; the list ends with NULL. */
bool scan_says(struct slice text, const char *const *words);

/* Without the first n. */
static inline struct span span_behind(struct span span, uint64_t n)
{
    if (n > span.n)
        n = span.n;
    return (struct span){span.at + n, span.n - n};
}
