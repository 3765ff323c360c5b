/* redis_copy.h: all that a Redis server holds, as of one instant, as an RDB file: asked for as a
 * replica asks (SYNC), so any server gives it while it goes on serving. Blocking: for the pool, or
 * a command. */
#pragma once

#include "base/arena.h"

/* Writes to the open file `fd`. False: *problem, in the arena, says why in one line. */
bool redis_copy(struct arena *arena, struct slice url, int fd, struct slice *problem);
