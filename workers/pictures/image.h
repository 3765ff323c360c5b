/* image.h: the decoder of pictures. */
#pragma once

#include "decode/decoding.h"

/* Fills in the results and writes the thumbnails; false after decoding_fail(). */
bool image_decode(struct decoding *decoding);
