/* appraisal.h: what a picture will take before it is decoded, by what its header says: the pixels,
 * and how its format is decoded. The one judgement of what is too much, and of what needs more
 * memory than every decoding has. */
#pragma once

#include "decode/decoding.h"

enum appraisal_way {
    APPRAISAL_ROWS,       /* some rows at a time, whatever the size */
    APPRAISAL_SCANS,      /* JPEG in several scans: all coefficients; units: samples */
    APPRAISAL_INTERLACED, /* PNG: all pixels; units: their bytes */
    APPRAISAL_WEBP,       /* units: pixels */
    APPRAISAL_HEIF,       /* HEIC and AVIF: planes, and what becomes of them; units: pixels */
    APPRAISAL_GIF,        /* units: pixels */
    APPRAISAL_FRAMES,     /* video: the frames that others refer to; units: bytes of a frame */
    APPRAISAL_STILLS,     /* video whose frames stand alone; likewise */
};

struct appraisal {
    enum appraisal_way way;
    uint64_t width, height;
    uint64_t units; /* as the way counts; 0 for rows */
};

/* What it takes, in bytes of memory. */
uint64_t appraisal_bytes(const struct appraisal *appraisal);

/* False after decoding_fail(): it has more pixels than are taken, claims more than its file can
 * hold, or takes more than this child was given, which decoding->needs_bytes then tells. */
bool appraisal_admit(struct decoding *decoding, const struct appraisal *appraisal);
