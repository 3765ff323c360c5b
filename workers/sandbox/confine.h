/* confine.h: what holds the worker itself where the hub runs as root. It reads no byte of
 * strangers, but it opens everybody's files and starts those who do: it becomes the readers' user,
 * keeps of root's powers those over files alone, and has them only in the store. */
#pragma once

#include "sandbox/sandbox.h"

#include <sys/types.h>

struct confine {
    uid_t uid;
    gid_t gid;
    const char *store;    /* the folder where it reads and writes */
    const char *programs; /* that with the programs that it starts, besides those of PATH */
};

/* Whether this process, and the file system of the store, can do without root: an open file of the
 * store, which is given away and back. */
bool confine_possible(int file, uid_t uid);

/* Irrevocable, like the sandboxes, and inherited by what is started, which keeps no power at all.
 * Of the calling thread, so before there are others. False: the user could not be changed, and
 * nothing is done. */
bool confine_enter(const struct confine *confine, struct sandbox_level *level);
