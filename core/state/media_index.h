/* media_index.h: the sorted sets by creation in which media are found: "{pN}:media_of:<user id>",
 * one more per type and tag ("...:type:<type>", "...:tag:<tag>"), and the same under
 * "{pN}:media_all" for everybody's. For media.c, which keeps them, and media_list.c, which reads
 * them. */
#pragma once

#include "records.h"

/* owner empty: everybody's. what "": all of them, else "type" or "tag" and its value. */
struct slice media_index_key(struct arena *arena, unsigned partition, struct slice owner,
                             const char *what, struct slice value);

/* The writes that put a media into all of its indexes, or take it out. */
void media_index_add(struct commit *commit, const struct media *media);
void media_index_remove(struct commit *commit, const struct media *media);
