/* thumbnail.h: a picture into the outputs of a request: JPEG, upright, sRGB, without metadata, each
 * in the square of its size, all from one decode. What is transparent is shown on white. */
#pragma once

#include "decode/decoding.h"
#include "decode/planes.h"

#include <vips/vips.h>

/* Scales so that the image fits a square of `size` pixels; never enlarges. The caller unrefs *out.
 */
typedef bool thumbnail_fn(void *from, int size, VipsImage **out);

/* `first` makes the largest output from `from`; its numbers are taken for what its profile, if it
 * has one, says, else for sRGB's. The others are scaled from that one. Fills in results.variants.
 */
bool thumbnail_write_all(struct decoding *decoding, thumbnail_fn *first, void *from);

/* Likewise from planes, which are upright sRGB. */
bool thumbnail_write_planes(struct decoding *decoding, const struct planes *planes);

/* The square of the largest thumbnail asked for; 0: none is. */
int thumbnail_largest(const struct wire_decode *request);

/* A thumbnail_fn for a VipsImage that is in memory. */
bool thumbnail_shrink(void *image, int size, VipsImage **out);

/* The library's error as ours; clears it. */
bool thumbnail_fail(struct decoding *decoding);
