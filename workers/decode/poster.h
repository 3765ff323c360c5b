/* poster.h: the picture that stands for a clip: a key frame near the beginning, or, where that is
 * black or white as after a cut or while it fades in, the best of several places. For a recording
 * the cover that it carries. */
#pragma once

#include "decode/container.h"

#include <vips/vips.h>

/* Notes the size too. The caller unrefs *out. False after decoding_fail(). */
bool poster_of_video(struct decoding *decoding, struct container *container, uint64_t duration_ms,
                     VipsImage **out);
/* NULL: the cover cannot be decoded, which fails nothing. */
VipsImage *poster_of_cover(struct container *container);
