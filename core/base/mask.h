/* mask.h: which bytes of a file are not for everybody, and what stands in their place: a list of
 * ranges that is made once per content and laid over the bytes as they are served. The length of
 * the file stays as it is.
 *
 * As a file: MASK_HEAD, then per range its offset and length (8 bytes each, little endian) and the
 * byte that fills it; sorted, without overlaps. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/* Past it a file is taken for one that cannot be masked. */
enum { MASK_MAX_RANGES = 1 << 16, MASK_RANGE_BYTES = 17 };
#define MASK_HEAD "mask 1\n"
enum { MASK_MAX_BYTES = sizeof MASK_HEAD - 1 + MASK_MAX_RANGES * MASK_RANGE_BYTES };

struct mask_range {
    uint64_t offset, length;
    unsigned char fill;
};

struct mask {
    struct arena *arena;
    struct mask_range *ranges;
    size_t n, room;
    bool overflow; /* sticky: more than MASK_MAX_RANGES were added */
};

void mask_init(struct mask *mask, struct arena *arena);
void mask_add(struct mask *mask, uint64_t offset, uint64_t length, unsigned char fill);
/* One range per byte: these bytes stand there instead. */
void mask_put(struct mask *mask, uint64_t offset, struct slice bytes);

/* Sorts the ranges and cuts what overlaps: where two meet, the one that begins first holds; of two
 * that begin together, the one that was added first. Needed before mask_apply() and mask_format().
 */
void mask_finish(struct mask *mask);

bool mask_format(const struct mask *mask, struct buf *out); /* false: the buffer's maximum */
/* False: these are not the bytes of a mask. */
bool mask_parse(struct arena *arena, struct slice file, struct mask *out);

/* Lays it over n bytes that stand at `offset` in the original. */
void mask_apply(const struct mask *mask, uint64_t offset, char *bytes, size_t n);
