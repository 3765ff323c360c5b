/* jpeg.h: the decoder of JPEG (ITU-T T.81, JFIF 1.02): what most photos are. The cosine transform
 * itself makes the picture n/8 as large, with n as small as the largest thumbnail allows, and its
 * planes go to the thumbnails as they are; what needs another way (RGB, CMYK, profiles) takes it on
 * the small picture. Most photos' scans are read by jpeg_baseline.h, all others by libjpeg. */
#pragma once

#include "decode/decoding.h"

bool jpeg_is(struct slice file);

/* Notes the size and writes the thumbnails, turned upright as EXIF's `orientation` says. A file
 * without its end mark is fine when all of the picture is there. False after decoding_fail(). */
bool jpeg_decode(struct decoding *decoding, struct slice file, unsigned orientation);
