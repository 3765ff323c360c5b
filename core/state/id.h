/* id.h: ids of records: a prefix and a ULID ("media_01J..."), sortable by time, unguessable, and
 * carrying the partition of their owner in the first two characters of the ULID's random part.
 * Source: the ULID specification (Crockford base32, 48 bits of time, 80 bits of randomness). */
#pragma once

#include "base/arena.h"

enum { ULID_CHARS = 26, PARTITION_MAX = 1023 };

struct slice id_new(struct arena *arena, struct slice prefix, unsigned partition); /* "media_" */

/* The same id whenever it is asked for: of what has a name instead of a record. Its time is 0. */
struct slice id_of_name(struct arena *arena, struct slice prefix, unsigned partition,
                        struct slice name);

/* Is this `prefix` and a well-formed ULID whose partition is below `partitions`? */
bool id_parse(struct slice id, struct slice prefix, unsigned partitions, unsigned *partition);

/* The two characters, for tokens that begin with them. */
void partition_encode(unsigned partition, char out[2]);
bool partition_decode(struct slice two, unsigned partitions, unsigned *partition);
