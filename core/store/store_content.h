/* store_content.h: what a store keeps, by the SHA-256 of an original: the blob itself in
 * `blobs/ab/cd/<sha256>`, and what is derived from it in `variants/<sha256>/<file>`.
 *
 * What a *_keep() function moved to its place survives a power cut when it returns: the file and
 * the folders on its way are synced. Functions that take a task suspend and run on the thread
 * pool; those marked "blocking" belong on the pool or in a worker. */
#pragma once

#include "base/mask.h"
#include "store/store.h"
#include "store/variant.h"

/* Opens for reading; size in bytes. ERR_NOT_FOUND, also when this is no hash: workers get it from
 * elsewhere. The descriptor is the caller's. A miss looks in trash/ and
 * brings blob and variants back. */
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

/* The synced temporary file becomes the blob or variant, durably. Paths are relative to the folder
 * or absolute, on the same file system. A blob that exists already stays, is marked as used just
 * now (mtime), and the temporary file goes; a variant's former file goes. Blocking; on failure the
 * temporary file stays. */
enum err store_blob_keep(struct store *store, struct slice sha256_hex, const char *temporary_path);
enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice file,
                            const char *temporary_path);
