/* partial.h: the files of uploads that go over several requests, `partial/<id>`: how long one is,
 * is how far its upload has come. Unlike those in incoming/ they stay when nobody writes; who
 * writes holds a lock, which ends with its process. Whether an upload is still wanted is not known
 * here. */
#pragma once

#include "store/store.h"

/* For upload.c and those on the pool. Opens for reading and writing, makes it when there is none,
 * and holds it alone until the descriptor is closed. ERR_LOCKED, or ERR_NOT_FOUND when it was
 * removed in this moment. Blocking. */
enum err partial_open(struct store *store, struct slice name, int *fd);
/* With its note. That there is none is fine. Blocking. */
void partial_unlink(struct store *store, struct slice name);

struct partial_look {
    uint64_t size;       /* 0 also where nothing has come yet */
    uint64_t changed_ms; /* Unix; 0: nothing has come yet */
};
/* What it tells is on the disk. Suspends. */
enum err partial_look(struct task *task, struct store *store, struct slice name,
                      struct partial_look *out);
void partial_remove(struct task *task, struct store *store, struct slice name); /* suspends */

/* For reading. ERR_NOT_FOUND. Blocking. */
enum err partial_read(struct store *store, struct slice name, int *fd);

/* Ids of at most `max` uploads whose file or note changed before that (Unix), in the arena.
 * Blocking.
 */
size_t partial_list(struct arena *arena, struct store *store, uint64_t changed_before_ms,
                    struct slice *names, size_t max);
