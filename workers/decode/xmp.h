/* xmp.h: what an XMP packet (ISO 16684-1) says about camera, exposure, place and time. Pure. A
 * scanner of tags for the two dozen properties that matter, in place of an XML library: nothing is
 * expanded but characters by number and the five names, nothing is fetched, nesting costs nothing,
 * and a packet with a document type, which XMP forbids, ends there. */
#pragma once

#include "decode/found.h"

void xmp_read(struct found *found, struct slice packet);
