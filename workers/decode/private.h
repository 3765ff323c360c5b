/* private.h: where a file tells what its owner keeps to himself when he shows it to others: the
 * place it was taken at, the serial numbers of camera and lens, and the owner's name. Pure: bytes
 * in, ranges out (base/mask.h). What replaces them leaves every container's structure as it was.
 *
 * JPEG (EXIF, XMP, IPTC, what follows its end), PNG, WebP, TIFF and raw files of that shape, GIF's
 * XMP, AVI's lists, Matroska's tags, and the ISO base media family: HEIC, AVIF, CR3, MP4 and MOV
 * with their tracks of measurements and what drones write into subtitles. MPEG, Ogg and sound have
 * an empty mask. Segments, chunks and boxes stay where they are known to tell of picture and sound
 * alone; what is not known, or cannot be followed, is blanked whole, as maker's notes are.
 *
 * Sources: Exif 3.0, TIFF 6.0, XMP parts 1 and 3, IPTC IIM 4.2, PNG 3rd edition, RFC 9649 (WebP),
 * ISO 14496-12 and 23008-12, the QuickTime file format; private_other.c. */
#pragma once

#include "base/mask.h"

/* False: nobody can tell; the file is then not to be shown to others. */
bool private_find(struct slice file, struct mask *mask);
