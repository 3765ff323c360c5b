/* jpeg_baseline.h: the way through most photos: baseline JPEG with Huffman codes (ITU-T T.81, annex
 * F) in one scan, made an eighth or a quarter as large. Of the 63 coefficients of a block that are
 * no mean, three count there at most; the others are stepped over, several at a time. That is what
 * libjpeg, which takes every one of them apart, spends most of its time on.
 * Takes only what is right to the last bit: anything else is left to libjpeg and its judgement. */
#pragma once

#include "decode/planes.h"

#include <stdio.h>

#include <jpeglib.h>

/* After jpeg_read_header(), before jpeg_start_decompress(), with all of the file in the source's
 * buffer. The planes are as large as the components are stored, times scale_num/8. False: nothing
 * has happened, *jpeg is as it was. give_up_ms: clock_ms(). */
bool jpeg_baseline_read(struct arena *arena, const struct jpeg_decompress_struct *jpeg,
                        uint64_t give_up_ms, struct planes *out);
