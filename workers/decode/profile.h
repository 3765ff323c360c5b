/* profile.h: texts of PNG (3rd edition, section 11.3.3), which is where ImageMagick and others hide
 * EXIF and XMP: "Raw profile type exif", a length and a block in hexadecimal digits. Pure. */
#pragma once

#include "base/arena.h"

/* The data of a chunk of type tEXt, zTXt or iTXt that has metadata in it, to go by its keyword;
 * compressed ones are inflated, up to 4 MiB. False for all else. */
bool profile_text(struct arena *arena, struct slice type, struct slice data, struct slice *keyword,
                  struct slice *text);
/* The bytes of a raw profile. */
struct slice profile_unhex(struct arena *arena, struct slice text);
