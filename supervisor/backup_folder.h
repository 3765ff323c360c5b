/* backup_folder.h: where back-ups of a hub lie: a folder with one folder for each, named by its
 * time ("2026-11-29T19-05-00Z"), or by the next second that is free. In it:
 *     mediahub-backup          "mediahub backup 1", the hub's id, the instant
 *     state/appendonlydir/     all of the state, in the form in which Redis starts with it
 *     store/                   as the hub's own
 *     hub.key                  unless it was left out
 *     backup-repository/       if the data folder has one
 * One that is not finished begins with a dot. All functions are blocking. */
#pragma once

#include "base/arena.h"

#define BACKUP_STATE_FOLDER "state/appendonlydir"

struct backup_folder {
    int root;          /* of all back-ups */
    int fd;            /* of this one */
    int before;        /* of the newest that is finished; -1: none */
    char *name;        /* of this one, without its dot */
    struct slice path; /* of this one, without its dot */
};

/* A new one, unfinished. False: *problem in one line. */
bool backup_folder_begin(struct arena *arena, struct slice root, struct backup_folder *out,
                         struct slice *problem);
/* Writes its description; from then on it counts. identity: the hub's (state/identity.h). */
bool backup_folder_finish(struct arena *arena, struct backup_folder *folder, struct slice identity,
                          struct slice *problem);
/* Removes what there is of an unfinished one. */
void backup_folder_discard(struct arena *arena, struct slice root, struct backup_folder *folder);
void backup_folder_close(struct backup_folder *folder);

/* The path of a finished one: `path` itself, or the newest in it; empty: there is none. */
struct slice backup_folder_find(struct arena *arena, struct slice path);

/* A small file, or a folder of files (one level of folders and below), as it is. What is missing is
 * passed over. */
bool backup_copy_tree(struct arena *arena, int from, const char *name, int to, const char *new_name,
                      struct slice *problem);
