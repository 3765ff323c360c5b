/* reader.h: the user that the workers and the readers of strangers' files run as when the hub runs
 * as root: the decoders' templates, their children, and ffmpeg. He owns nothing and is in no group.
 * The worker, which reads no byte of theirs, keeps the power to open the files (confine.h), and
 * hands them on by descriptor. Where it has to stay root, the readers change alone. */
#pragma once

#include "store/store.h"

#include <stdbool.h>
#include <sys/types.h>

/* Tells mediahub-decode "UID:GID"; absent: it stays who it is. */
#define READER_VARIABLE "MEDIAHUB_READER"

struct reader_user {
    bool other;    /* than who we are: the readers have to change */
    bool stranger; /* in the store, whose files have to be lent to him */
    uid_t uid;
    gid_t gid;
};

/* By the setting's name or number; false with a line in *problem: there is nobody of that name. Who
 * is not root has no choice, and who names root wants none. */
bool reader_user_find(struct slice setting, struct reader_user *out, const char **problem);

/* The worker itself becomes him, for good, and keeps what it needs for the store (confine.h).
 * Before there are threads; what is open stays so. Where that cannot be (a container without these
 * powers, a file system without owners) it stays root, the log says so, and the readers change
 * alone. */
void reader_user_become(struct reader_user *user, struct store *store, struct slice store_folder);

/* So that ffmpeg, which opens both by name, may read the one and write the other: the original is
 * its group's to read, in folders that only we can enter; the output is its own until the end.
 * False: the file system has no such thing. */
bool reader_user_lend(const struct reader_user *user, int input, int output);
void reader_user_take_back(int input, int output);
