/* colour.h: what numbers of a picture mean, and how sRGB says it (ICC.1:2022 by lcms2). A profile
 * of another class than the picture's, or one that cannot be read, means nothing: without one,
 * numbers are sRGB's. */
#pragma once

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

enum colour_bands { COLOUR_GREY = 1, COLOUR_RGB = 3, COLOUR_CMYK = 4 };

struct colour_pixels {
    const uint8_t *in; /* packed; CMYK as 255 for full ink */
    size_t in_stride;
    uint8_t *out; /* packed RGB; may be `in` for RGB */
    size_t out_stride;
    int width, height;
};

/* False: the profile is of no use here, and nothing was done. */
bool colour_to_srgb(struct slice profile, enum colour_bands bands,
                    const struct colour_pixels *pixels);

struct colour_primaries {
    double red[2], green[2], blue[2]; /* x and y of CIE 1931 */
};

/* A profile of RGB with the white of daylight (D65) and this gamma; 0: sRGB's curve. */
struct slice colour_profile(struct arena *arena, const struct colour_primaries *primaries,
                            double gamma);

/* CMYK without a profile, as if inks were filters one behind the other. */
void colour_from_plain_cmyk(const struct colour_pixels *pixels);
