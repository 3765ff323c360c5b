/* redis_words.h: why an embedded Redis ended, in its own words, and what mends it. */
#pragma once

#include "base/arena.h"

/* name: of the child, "redis-state" or "redis-volatile"; data: the absolute path of the data
 * folder, which is the current one. One sentence. */
struct slice redis_last_words(struct arena *arena, struct slice name, struct slice data);
