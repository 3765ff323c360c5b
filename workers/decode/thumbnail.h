/* thumbnail.h: a picture into the outputs of a request: WebP, upright, sRGB, without metadata, each
 * in the square of its size, all from one decode. */
#pragma once

#include "decode/decoding.h"

#include <vips/vips.h>

/* Scales so that the image fits a square of `size` pixels; never enlarges. The caller unrefs *out.
 */
typedef bool thumbnail_fn(void *from, int size, VipsImage **out);

/* `first` makes the largest output from `from`; the others are scaled from that one, which holds at
 * least twice their pixels. Fills in results.variants. */
bool thumbnail_write_all(struct decoding *decoding, thumbnail_fn *first, void *from);

/* A thumbnail_fn for a VipsImage that is in memory. */
bool thumbnail_shrink(void *image, int size, VipsImage **out);

/* The library's error as ours; clears it. */
bool thumbnail_fail(struct decoding *decoding);
