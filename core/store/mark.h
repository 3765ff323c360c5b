/* mark.h: whose store a folder is: the file `hub` in it, two lines:
 *     mediahub store 1                 the layout's version
 *     hub_01J... 1                     what state has as its identity (state/identity.h)
 * All functions are blocking. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { MARK_BYTES_MAX = 64 };

enum mark_found {
    MARK_ABSENT,     /* there is no such folder */
    MARK_EMPTY,      /* no mark and no blob */
    MARK_NONE,       /* blobs without a mark */
    MARK_FOUND,      /* *mark is the second line */
    MARK_NEWER,      /* of a later version */
    MARK_UNREADABLE, /* no mark of ours, or it cannot be read */
};

/* Looks without making or changing anything. *mark lives in the arena. */
enum mark_found mark_look(struct arena *arena, struct slice folder, struct slice *mark);

/* Of an open folder; MARK_NONE where there is no mark. */
enum mark_found mark_read(int folder_fd, char mark[MARK_BYTES_MAX]);

/* Puts it there durably, in the place of another one. */
enum err mark_write(int folder_fd, struct slice mark);
