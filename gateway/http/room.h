/* room.h: the memory in which large answers wait for clients that read slowly, of all connections
 * together. Nobody takes more than half of what others leave, so one party that does not read
 * leaves the others room. */
#pragma once

#include "base/slice.h"

struct room_share { /* of one answer; zero: nothing is taken */
    struct slice party;
    size_t bytes;
};

void room_set_size(uint64_t bytes); /* before anything is taken; else 256 MiB */

/* party: a user or an address; it outlives the share. False: there is too little room for it. */
bool room_take(struct room_share *share, struct slice party, size_t bytes);
void room_give_back(struct room_share *share); /* harmless when nothing is taken */
