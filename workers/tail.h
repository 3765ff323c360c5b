/* tail.h: the last words of a program about a stranger's file, for the owner of that file: the last
 * lines, each once, without addresses of memory and without paths, which are the machine's. Pure.
 */
#pragma once

#include "base/arena.h"

enum { TAIL_MAX_BYTES = 400, TAIL_MAX_LINES = 6 };

/* Lines joined by "; "; TAIL_MAX_BYTES at most, whole lines unless the last alone is longer. Empty
 * where nothing was said. In the arena. */
struct slice tail_for_people(struct arena *arena, struct slice said);
