/* store.h: blobs by content, in a folder: `blobs/ab/cd/<sha256>` for originals,
 * `variants/<sha256>/<file>` for what is derived from them, `incoming/` for uploads in progress,
 * `trash/` for what the collector took. Knows files; must not know records, HTTP or Redis.
 *
 * Durability: store_upload_keep() returns after fsync of the file and of its folder. Blocking calls
 * run on the thread pool; functions that take a task suspend. */
#pragma once

#include "base/err.h"
#include "base/task.h"

struct store;

/* Creates the folders (0700). On failure NULL and a line in *problem. reserve_bytes: uploads are
 * refused with ERR_STORAGE_FULL while free space would fall under it. */
struct store *store_open(struct slice folder, uint64_t reserve_bytes, char **problem);
void store_close(struct store *store);

/* An upload in progress: a temporary file and its hash. Writes are gathered to 256 KiB and run off
 * the loop, one at a time: memory per upload is bounded whatever its size. */
struct upload;
enum err store_upload_begin(struct task *task, struct store *store, uint64_t max_bytes,
                            struct upload **out);
enum err store_upload_write(struct task *task, struct upload *upload, struct slice bytes);
/* Flushes, hashes, fsyncs, moves to its place by content. Frees the upload also on failure. */
enum err store_upload_keep(struct task *task, struct upload *upload, char sha256_hex[65],
                           uint64_t *size);
void store_upload_drop(struct upload *upload);               /* removes the temporary file */
struct slice store_upload_head(const struct upload *upload); /* the first <= 4096 bytes so far */

/* Opens for reading; size in bytes. ERR_NOT_FOUND. The descriptor is the caller's. A miss looks in
 * trash/ and brings the file back. */
enum err store_blob_open(struct task *task, struct store *store, struct slice sha256_hex, int *fd,
                         uint64_t *size);
enum err store_variant_open(struct task *task, struct store *store, struct slice sha256_hex,
                            struct slice file, int *fd, uint64_t *size);

/* Paths relative to the store's folder, for jobs on the same machine. */
struct slice store_blob_path(struct arena *arena, struct slice sha256_hex);
struct slice store_variant_path(struct arena *arena, struct slice sha256_hex, struct slice file);
/* Blocking (workers): a temporary file beside the variant becomes it, durably. */
enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice file,
                            const char *temporary_path);
const char *store_folder(const struct store *store);

/* Is this MIME type one of those we take, judged by the content's first bytes? The name of the
 * type, or an empty slice. Own table of magic numbers, no decoding. */
struct slice store_sniff(struct slice head);
