/* shrink.h: thumbnails (decode/thumbnail.h) of what libvips opens. What is transparent is shown on
 * white. */
#pragma once

#include "decode/decoding.h"

#include <vips/vips.h>

/* Scales so that the image fits a square of `size` pixels; never enlarges. The caller unrefs *out.
 */
typedef bool shrink_fn(void *from, int size, VipsImage **out);

/* `first` makes the largest output from `from`; its numbers are taken for what its profile, if it
 * has one, says, else for sRGB's. The others are scaled from that one. Says what it made.
 */
bool shrink_write(struct decoding *decoding, shrink_fn *first, void *from);

/* The library's error as ours; clears it; returns false. */
bool shrink_fail(struct decoding *decoding);
