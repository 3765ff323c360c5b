/* media_index.h: the sorted sets in which media are found (see media.h), and lists out of them. For
 * media.c; others use media.h. */
#pragma once

#include "state/media.h"

/* The writes that put a media into all of its indexes, or take it out. */
void media_index_add(struct commit *commit, const struct media *media);
void media_index_remove(struct commit *commit, const struct media *media);

/* Of media.c. False: fields that no version of ours has written. */
struct slice media_key(struct arena *arena, unsigned partition, struct slice id);
bool media_from_fields(struct arena *arena, struct slice id, unsigned partition,
                       const struct redis_value *fields, struct media *out);
