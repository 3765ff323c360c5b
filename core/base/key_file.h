/* key_file.h: the key under which secrets are sealed (seal.h), in a file that only its user may
 * read (0600): one line, "mediahub key 1 <64 hex digits>". All functions are blocking. */
#pragma once

#include "base/seal.h"

enum key_file { KEY_FILE_READ, KEY_FILE_MISSING, KEY_FILE_REFUSED };

/* KEY_FILE_REFUSED: *problem, in the arena, says why in one line: others may read it, it is none of
 * ours, it cannot be read. */
enum key_file key_file_read(struct arena *arena, struct slice path, struct seal_key *out,
                            struct slice *problem);
/* A new key. What another process has made meanwhile stays, and counts. */
enum key_file key_file_make(struct arena *arena, struct slice path, struct seal_key *out,
                            struct slice *problem);
