/* data_folder.h: the folder of everything that is kept: made 0700, and held by one hub at a time.
 * The lock is an open descriptor that the embedded Redis inherits: as long as one of them lives
 * after a killed supervisor, a second start cannot collide with it. */
#pragma once

#include "base/arena.h"

/* Makes the folder and its sub-folders, takes the lock (waiting up to 3 s for a hub that is just
 * ending), and makes it the current folder. The absolute path, or an empty slice with one sentence
 * in *problem. Blocking. */
struct slice data_folder_enter(struct arena *arena, struct slice path, struct slice *problem);
