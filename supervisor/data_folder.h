/* data_folder.h: the folder of everything that is kept: 0700, and held by one hub at a time. The
 * lock is an open descriptor that the embedded Redis inherits: as long as one of them lives after a
 * killed supervisor, a second start cannot collide with it. The file `mediahub` in it says that it
 * is ours, and of which version; a folder of before there was one is known by its redis/state. */
#pragma once

#include "base/arena.h"

/* Makes the folder and its sub-folders, takes the lock (waiting up to 3 s for a hub that is just
 * ending), and makes it the current folder. The absolute path, or an empty slice with one sentence
 * in *problem: somebody else may write or enter it, it holds something else, it is of a newer
 * version, it is in use. Blocking. */
struct slice data_folder_enter(struct arena *arena, struct slice path, struct slice *problem);

/* Makes a folder in which there is nothing yet a hub's, and stays where we are. The absolute path,
 * or an empty slice with one sentence in *problem: there is something already. Takes no lock. */
struct slice data_folder_make(struct arena *arena, struct slice path, struct slice *problem);

/* Goes into a folder that is a hub's already, and takes the lock unless a hub has it: *running. As
 * above otherwise. */
struct slice data_folder_visit(struct arena *arena, struct slice path, bool *running,
                               struct slice *problem);
