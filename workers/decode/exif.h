/* exif.h: what a picture's EXIF block (CIPA DC-008, Exif 3.0), or a TIFF or raw file itself, says
 * about camera, exposure, place, time and which way is up. Read with our own walk of directories
 * (tiff.h): libexif ends at 64 KiB, wants "Exif\0\0" in front, and repairs by inventing. */
#pragma once

#include "decode/found.h"

/* With or without "Exif\0\0" near its front; what is absent or nonsense is left alone. The
 * orientation is that of the block read last. */
void exif_read(struct found *found, struct slice block);
