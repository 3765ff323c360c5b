/* nclx.h: what the numbers of an AVIF or HEIC picture mean when no ICC profile says it: primaries
 * and transfer as code points (ISO 14496-12 `colr`, ITU-T H.273). */
#pragma once

#include "base/arena.h"

#include <vips/vips.h>

struct nclx {
    unsigned primaries, transfer;
};

/* False: the file says nothing of the kind. */
bool nclx_find(struct slice file, struct nclx *out);

/* Makes sRGB of high dynamic range, and tells the rest by a profile that *image then carries;
 * leaves alone what is sRGB by these numbers, or has a profile. *image is the caller's in either
 * case; false after an error of libvips. */
bool nclx_apply(struct arena *arena, const struct nclx *nclx, VipsImage **image);
