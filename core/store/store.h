/* store.h: blobs by content, in a folder: `blobs/ab/cd/<sha256>` for originals,
 * `variants/<sha256>/<file>` for what is derived from them, `incoming/` for uploads in progress
 * (upload.h), `trash/` for what the collector took. Knows files; must not know records, HTTP or
 * Redis.
 *
 * What a *_keep() function moved to its place survives a power cut when it returns: the file and
 * the folders on its way are synced. Functions that take a task suspend and run on the thread
 * pool; those marked "blocking" belong on the pool, in a worker, or at start. */
#pragma once

#include "base/err.h"
#include "base/mask.h"
#include "base/task.h"
#include "store/variant.h"

struct store;

enum { STORE_PATH_MAX = 160 }; /* paths inside the folder, with NUL */

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

/* Opens for reading; size in bytes. ERR_NOT_FOUND, also when this is no hash: workers get it from
 * elsewhere. The descriptor is the caller's. A miss looks in
 * trash/ and brings blob and variants back. */
enum err store_blob_open(struct task *task, struct store *store, struct slice sha256_hex, int *fd,
                         uint64_t *size);
enum err store_variant_open(struct task *task, struct store *store, struct slice sha256_hex,
                            struct slice file, int *fd, uint64_t *size);

/* The mask of an original (store/variant.h), in the task's arena. ERR_NOT_FOUND: none was made;
 * ERR_CONFLICT: its file holds something else. */
enum err store_mask_load(struct task *task, struct store *store, struct slice sha256_hex,
                         struct mask *out);

/* Opens the present file of a variant or, where there is none yet, the former one; *which tells.
 * The name in *which is the row's. */
enum err store_variant_find(struct task *task, struct store *store, struct slice sha256_hex,
                            enum variant variant, const struct variant_file **which, int *fd,
                            uint64_t *size);

/* Removes one variant; that it is gone already is fine. Blocking. */
void store_variant_remove(struct store *store, struct slice sha256_hex, enum variant variant);

/* A new empty file in incoming/, open for writing; `path` is relative to the folder. It is locked
 * until the last copy of the descriptor is closed, which is how a dead writer's is known. Blocking.
 */
enum err store_incoming_open(struct store *store, char path[STORE_PATH_MAX], int *fd);
void store_incoming_remove(struct store *store, const char *path);

/* The synced temporary file becomes the blob or variant, durably. Paths are relative to the folder
 * or absolute, on the same file system. A blob that exists already stays, is marked as used just
 * now (mtime), and the temporary file goes; a variant's former file goes. Blocking; on failure the
 * temporary file stays. */
enum err store_blob_keep(struct store *store, struct slice sha256_hex, const char *temporary_path);
enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice file,
                            const char *temporary_path);

/* The error for a failed system call: ERR_STORAGE_FULL, or one that is logged here. Any thread. */
enum err store_errno(const char *what, int error);
