/* poster.h: the picture that stands for a clip: a key frame near the beginning, or, where that is
 * black or white as after a cut or while it fades in, the best of several places. For a recording
 * the cover that it carries. */
#pragma once

#include "decode/planes.h"
#include "films/container.h"

/* Upright, and not much larger than the largest thumbnail. Notes the size too. False after
 * decoding_fail(). */
bool poster_of_video(struct decoding *decoding, struct container *container, uint64_t duration_ms,
                     struct planes *out);
/* Count 0: the cover cannot be decoded, which fails nothing. */
void poster_of_cover(struct decoding *decoding, struct container *container, struct planes *out);
