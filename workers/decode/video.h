/* video.h: the decoder of clips and recordings; of sound alone it tells the length. */
#pragma once

#include "decode/decoding.h"

/* Fills in the results and writes the thumbnails; false after decoding_fail(). */
bool video_decode(struct decoding *decoding);
