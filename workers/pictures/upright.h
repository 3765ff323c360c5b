/* upright.h: pictures turned and mirrored as EXIF's orientation says (CIPA DC-008, tag 0x0112). The
 * decoders' own ways are switched off: they know fewer places where it may stand than metadata.h.
 */
#pragma once

#include <stdbool.h>
#include <vips/vips.h>

/* The height becomes the width. */
static inline bool upright_swaps(unsigned orientation)
{
    return orientation >= 5;
}

/* Replaces *image by one that is upright, in memory where it has to be turned. False after an error
 * of libvips; *image is the caller's in either case. */
bool upright_turn(VipsImage **image, unsigned orientation);
