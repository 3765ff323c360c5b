/* video.h: the decoder of clips and recordings; of sound alone it tells the length. */
#pragma once

#include "decode/decoding.h"

/* Fills in the results and writes the thumbnails; false after decoding_fail(). */
bool video_decode(struct decoding *decoding);
/* Of a picture that is kept as a sequence of frames (ISO 23008-12): the first that can be seen. */
bool video_decode_still(struct decoding *decoding);
