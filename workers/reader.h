/* reader.h: the user that the readers of strangers' files run as when the hub runs as root: the
 * decoder's template, its children, and ffmpeg. He owns nothing and is in no group. The worker, who
 * reads no byte of theirs, stays who it is: it opens the files, and hands them on by descriptor. */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <sys/types.h>

/* Tells mediahub-decode "UID:GID"; absent: it stays who it is. */
#define READER_VARIABLE "MEDIAHUB_READER"

struct reader_user {
    bool other; /* than who we are */
    uid_t uid;
    gid_t gid;
};

/* By the setting's name or number; false with a line in *problem: there is nobody of that name. Who
 * is not root has no choice, and who names root wants none. */
bool reader_user_find(struct slice setting, struct reader_user *out, const char **problem);

/* So that ffmpeg, which opens both by name, may read the one and write the other: the original is
 * its group's to read, in folders that only we can enter; the output is its own until the end.
 * False: the file system has no such thing. */
bool reader_user_lend(const struct reader_user *user, int input, int output);
void reader_user_take_back(const struct reader_user *user, int output);
