/* thumbnail.h: a picture into the outputs of a request: JPEG, upright, sRGB, without metadata, each
 * in the square of its size, all from one decode. */
#pragma once

#include "decode/decoding.h"
#include "decode/planes.h"

/* Of planes that are upright sRGB. Says what it made; false after decoding_fail(). */
bool thumbnail_write_planes(struct decoding *decoding, const struct planes *planes);

/* The square of the largest thumbnail asked for; 0: none is. */
int thumbnail_largest(const struct wire_decode *request);
