/* media_index.h: the sorted sets in which media are found (see media.h), and lists out of them. For
 * media.c; others use media.h. */
#pragma once

#include "state/media.h"

/* The writes that put a media into all of its indexes, or take it out. */
void media_index_add(struct commit *commit, const struct media *media);
void media_index_remove(struct commit *commit, const struct media *media);
