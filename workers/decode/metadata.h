/* metadata.h: all that a file says about its picture or clip, out of all the blocks in it. */
#pragma once

#include "decode/decoding.h"
#include "decode/found.h"

/* Adds to what is found already, EXIF before XMP. Of several blocks the last one counts, except for
 * the orientation, of which the first does (as with exiftool). found->orientation is what is left
 * to turn: a container that turns its pictures itself (HEIC, AVIF) leaves nothing. Pure. */
void metadata_read(struct found *found, struct slice file);
/* That of the original; nothing where it cannot be mapped. */
void metadata_of_input(const struct decoding *decoding, struct found *found);
void metadata_put(const struct found *found, struct wire_results *results);
