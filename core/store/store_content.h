/* store_content.h: what a store keeps, by the SHA-256 of an original: the blob itself in
 * `blobs/ab/cd/<sha256>`, and what is derived from it in `variants/<sha256>/<file>`, each file
 * under a name that has its own hash in it (variant_file_name()).
 *
 * What a *_keep() function moved to its place survives a power cut when it returns: the file and
 * the folders on its way are synced. Functions that take a task suspend and run on the thread
 * pool; those marked "blocking" belong on the pool or in a worker. */
#pragma once

#include "base/crypto.h"
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

/* The file of a record's row. Of before there were rows: where it was to be made anew and is not
 * there yet, the former one, which made->file then tells. */
enum err store_made_open(struct task *task, struct store *store, struct slice sha256_hex,
                         enum variant variant, struct variant_made *made, int *fd, uint64_t *size);

/* The mask in an open file of this size, which is closed, in the task's arena. ERR_CONFLICT: it
 * holds something else. */
enum err store_mask_read(struct task *task, int fd, uint64_t size, struct mask *out);

/* Removes a variant's file that came there before kept_before_ms (Unix); that it is gone already,
 * or has come again, is fine. Blocking. */
void store_variant_remove(struct store *store, struct slice sha256_hex, struct slice file,
                          uint64_t kept_before_ms);

/* Names of the files of an original's variants that came there before that. Blocking. */
struct slice *store_variant_files(struct arena *arena, struct store *store, struct slice sha256_hex,
                                  uint64_t kept_before_ms, size_t *n);

/* Of an open file, which is read from where it stands to its end; size: bytes read. Blocking. */
enum err store_file_hash(int fd, uint8_t digest[SHA256_BYTES], uint64_t *size);

/* What a variant's file holds. */
struct variant_print {
    uint64_t size;
    char etag[VARIANT_ETAG_HEX + 1]; /* the first digits of its SHA-256 */
};

/* The synced temporary file becomes the blob or variant, durably. Paths are relative to the folder
 * or absolute, on the same file system. A blob that exists already stays, is marked as used just
 * now (mtime), and the temporary file goes. A variant, which nobody writes to any more, is read for
 * its print; `plain` is its name without it. Blocking; on failure the temporary file stays. */
enum err store_blob_keep(struct store *store, struct slice sha256_hex, const char *temporary_path);
/* The same, but the temporary file stays as a second name of the blob, for whoever must find it
 * again when what follows comes to nothing; on file systems without such names it goes. */
enum err store_blob_link(struct store *store, struct slice sha256_hex, const char *temporary_path);
enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice plain,
                            const char *temporary_path, struct variant_print *print);
