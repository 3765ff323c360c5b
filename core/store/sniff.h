/* sniff.h: which kind of file this is, judged by its first bytes alone: neither the name nor what
 * the sender says counts. Knows the types that the workers can decode; everything else is
 * refused. Own table of magic numbers, no decoding. */
#pragma once

#include "base/slice.h"

enum { SNIFF_BYTES = 4096 }; /* what it wants to see, unless the file is shorter */

/* The MIME type ("image/jpeg"), or an empty slice for what we do not take. */
struct slice sniff_mime(struct slice head);
/* For people: the formats that it knows, "JPEG, PNG, ...". */
struct slice sniff_formats(void);
