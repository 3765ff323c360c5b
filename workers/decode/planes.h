/* planes.h: a picture in memory as JPEG has it: Y, Cb and Cr of full range (JFIF 1.02, sRGB's
 * primaries), or Y alone. Each plane is a picture of its own that covers the same area, whatever
 * its size, so that scaling and turning know nothing of subsampling.
 * All memory is the arena's; rows and their ends are padded so that vectors may run over. */
#pragma once

#include "base/arena.h"

#include <stdint.h>

struct plane {
    uint8_t *pixels;
    int width, height; /* at least 1 */
    int stride;        /* bytes from row to row; at least width rounded up to 64 */
};

struct planes {
    int count; /* 1 or 3 */
    struct plane plane[3];
};

/* Contents undefined. */
struct plane plane_new(struct arena *arena, int width, int height);

/* The size within a square that keeps this shape; never larger. */
void planes_fit(int64_t wide, int64_t high, int square, int *width, int *height);

/* Scales to this size; colour to half of it in both directions (4:2:0) or, `full`, to the same. A
 * plane that has its size already is shared. False: the scaler failed. */
bool planes_scale(struct arena *arena, const struct planes *from, int width, int height, bool full,
                  struct planes *out);

/* As an EXIF orientation of 1 to 8 wants it shown; others are taken for 1. */
struct planes planes_turn(struct arena *arena, const struct planes *from, unsigned orientation);

/* From and to packed bytes of 3 (RGB) or 1 (grey) a pixel. Colour planes have the size of Y. */
struct planes planes_from_packed(struct arena *arena, const uint8_t *pixels, int bands, int width,
                                 int height, size_t stride);
void planes_to_packed(const struct planes *planes, uint8_t *pixels, size_t stride);
