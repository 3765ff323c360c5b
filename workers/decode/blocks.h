/* blocks.h: where in a file its metadata stands: EXIF and XMP in JPEG (over several segments too),
 * PNG (eXIf, XMP, and the "Raw profile" texts of ImageMagick), WebP, GIF, TIFF and raw files of
 * that shape, HEIC, AVIF, MP4 and MOV. Pure. */
#pragma once

#include "base/arena.h"

/* Of each kind; others are not looked at. One that stands in pieces, or compressed, counts up to
 * 4 MiB, so that no file takes more than 128 MiB for its metadata. */
enum { BLOCKS_MAX = 16 };

struct blocks {
    struct slice exif[BLOCKS_MAX]; /* for exif_read(); in the file, or in the arena */
    struct slice xmp[BLOCKS_MAX];
    size_t exif_n, xmp_n;
    bool upright; /* the container tells how to turn the picture (irot, imir), not EXIF */
};

void blocks_find(struct arena *arena, struct slice file, struct blocks *out);
