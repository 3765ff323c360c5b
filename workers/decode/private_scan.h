/* private_scan.h: what the parts of private.h share: the bytes of the whole file, read with a
 * sticky flag instead of an error after each number, and the mask that is being made. */
#pragma once

#include "base/mask.h"

/* Directories, boxes, chunks that are looked at in one file. */
enum { PRIVATE_STEPS = 1 << 22 };

struct scan {
    struct slice file;
    struct mask *mask;
    bool broken;    /* a number was asked for that lies outside, or the steps are used up */
    unsigned steps; /* taken so far */
    unsigned depth; /* of pictures within pictures' metadata */
};

/* Bytes [at, at + n) of the file. */
struct span {
    uint64_t at, n;
};

static inline bool scan_holds(const struct scan *scan, uint64_t at, uint64_t n)
{
    return at <= scan->file.n && n <= scan->file.n - at;
}

/* One more thing is looked at; false, and broken, past PRIVATE_STEPS. */
bool scan_step(struct scan *scan);
/* An unsigned number of `width` bytes at `at`; 0, and broken, when it does not lie in the file. */
uint64_t scan_number(struct scan *scan, uint64_t at, unsigned width, bool little_endian);
bool scan_is(const struct scan *scan, uint64_t at, struct slice bytes);
struct slice scan_slice(const struct scan *scan, struct span span); /* cut to the file */
/* Does one of these stand in it? Cases are the same; the list ends with NULL. */
bool scan_says(struct slice text, const char *const *words);
void scan_blank(struct scan *scan, struct span span, char fill); /* cut to the file */

/* The parts themselves, declared together because they stand within each other.
 *
 * A TIFF structure, whose offsets count from its first byte; false, and blanked whole, when it
 * cannot be followed. gps_first: its first directory is the one of the place (CR3). */
bool private_tiff(struct scan *scan, struct span tiff, bool gps_first);
void private_jpeg(struct scan *scan, struct span jpeg); /* and what follows its end */
void private_xmp(struct scan *scan, struct span text);
void private_photoshop(struct scan *scan, struct span resources); /* IPTC within */
void private_boxes(struct scan *scan, struct span boxes);         /* of the ISO family */
