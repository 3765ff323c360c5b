/* store.h: the folder in which content is kept: `blobs/`, `variants/` (store_content.h),
 * `incoming/` for files in the making and `partial/` for those that take several requests
 * (upload.h), `trash/` for what the collector took (trash.h),
 * and the mark that says whose it is. Knows files; must not know records, HTTP or Redis.
 *
 * Functions that take a task suspend and run on the thread pool; those marked "blocking" belong on
 * the pool, in a worker, or at start. */
#pragma once

#include "base/err.h"
#include "base/task.h"
#include "store/layout.h"

#include <time.h>

struct store;

/* Creates the folders (0700) and removes what dead processes have left in incoming/. Blocking. On
 * failure NULL and a line in *problem, which the caller frees (mem_free). reserve_bytes: what must
 * stay free on the disk. */
struct store *store_open(struct slice folder, uint64_t reserve_bytes, char **problem);
/* The same of a store that a hub has marked already (mark.h), and of nothing else. */
struct store *store_join(struct slice folder, char **problem);
void store_close(struct store *store); /* no upload is left; NULL is allowed */

/* Marks it as a hub's. Blocking. */
enum err store_mark(struct store *store, struct slice mark);
/* Is what stands at the store's path still this store? ERR_STORE_UNAVAILABLE when it is missing,
 * has no mark or another one: the disk was unmounted, or exchanged. One that was mounted anew is
 * taken up. A store without a mark is always there. Blocking. */
enum err store_check_place(struct store *store);

/* Removes what dead processes have left in incoming/. Blocking. */
void store_clean_incoming(struct store *store);

/* Is there room for `more` bytes above the reserve? OK or ERR_STORAGE_FULL. Blocking. */
enum err store_check_room(const struct store *store, uint64_t more);
/* Is it at its place, with room above the reserve, and can a file be written, read and removed?
 * Suspends. */
bool store_works(struct task *task, struct store *store);

/* A new empty file in incoming/, open for writing; `path` is relative to the folder. It is locked
 * until the last copy of the descriptor is closed, which is how a dead writer's is known. Blocking.
 */
enum err store_incoming_open(struct store *store, char path[LAYOUT_PATH_MAX], int *fd);
void store_incoming_remove(struct store *store, const char *path);

/* For the modules of this library, and for copies of the whole: the folder itself, to which all
 * paths are relative. */
int store_fd(const struct store *store);
/* What is new belongs to whom the store belongs to, when another may say so (a worker that is not
 * root any more). */
void store_give(const struct store *store, int fd);
uint64_t store_time_ms(const struct timespec *at); /* of a file, in Unix time */
