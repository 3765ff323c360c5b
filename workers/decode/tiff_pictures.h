/* tiff_pictures.h: which of the pictures in a TIFF file is the one to show. Pyramids keep smaller
 * levels as pages or SubIFDs (TIFF technical note 1), cameras' raw files (DNG 1.6, NEF, CR2, ARW) a
 * preview as a whole JPEG file beside what the sensor saw, which is not developed here. Pure. */
#pragma once

#include "base/slice.h"

struct tiff_pictures {
    bool raw;
    struct slice preview; /* of a raw file: the largest, if it is more than a thumbnail */
    unsigned page;        /* of others: the largest of the shape that the first has */
    int subifd;           /* of the page; -1: the page itself */
};

/* False: this is no TIFF. */
bool tiff_pictures(struct slice file, struct tiff_pictures *out);
