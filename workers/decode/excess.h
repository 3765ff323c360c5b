/* excess.h: files that have more of something than anybody needs, which costs a library seconds or
 * gigabytes for each: found by a walk of our own before a library sees the file. */
#pragma once

#include "decode/decoding.h"

/* True after decoding_fail(): directories of a TIFF without end, frames of a WebP, boxes of a film,
 * text in a PNG that unfolds to more than a book. */
bool excess_found(struct decoding *decoding, struct slice file);
