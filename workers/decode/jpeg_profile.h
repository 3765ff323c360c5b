/* jpeg_profile.h: the colour profile of a JPEG file, in as many APP2 segments as it takes
 * (ICC.1:2022 section B.4). */
#pragma once

#include "base/arena.h"

#include <stdio.h>

#include <jpeglib.h>

/* Before jpeg_read_header(): have it keep the segments. */
void jpeg_profile_keep(struct jpeg_decompress_struct *jpeg);

/* After it. Empty: there is none, or not all of it. */
struct slice jpeg_profile(struct arena *arena, const struct jpeg_decompress_struct *jpeg);
