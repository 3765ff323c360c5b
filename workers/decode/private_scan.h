/* private_scan.h: what the parts of private.h share: the file, and the mask that is being made. */
#pragma once

#include "base/mask.h"
#include "decode/scan.h"

void scan_blank(struct scan *scan, struct span span, char fill); /* cut to the file */

/* The parts themselves, declared together because they stand within each other.
 *
 * A TIFF structure, whose offsets count from its first byte; false, and blanked whole, when it
 * cannot be followed. gps_first: its first directory is the one of the place (CR3). */
bool private_tiff(struct scan *scan, struct span tiff, bool gps_first);
void private_jpeg(struct scan *scan, struct span jpeg); /* and what follows its end */
void private_gif(struct scan *scan);                    /* these three are a file alone */
void private_avi(struct scan *scan);
void private_matroska(struct scan *scan);
void private_xmp(struct scan *scan, struct span text);
void private_photoshop(struct scan *scan, struct span resources); /* IPTC within */
void private_boxes(struct scan *scan, struct span boxes);         /* of the ISO family */
