/* private_box.h: what the parts that read boxes of the ISO base media family share. */
#pragma once

#include "decode/boxes.h"
#include "decode/private_scan.h"

/* Space that nobody reads, of the same size. */
void box_blank(struct scan *scan, const struct box *box);

void private_meta(struct scan *scan, const struct box *box);
/* The media box of a track. False: it is a track of measurements whose samples stand elsewhere
 * than in the tables, if the file has fragments. */
bool private_track(struct scan *scan, struct span media);
