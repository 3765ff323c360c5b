/* upload.h: a file on its way into the store: a temporary file and its hash, fed as the bytes
 * arrive. Knows the store and the thread pool; must not know HTTP, types or records.
 *
 * Two blocks per upload, whatever its size: while one is hashed and written on the thread pool,
 * the other fills. The writer waits (suspends) when both are in use, and thus the sender. */
#pragma once

#include "base/crypto.h"
#include "store/store.h"

/* Blocks of 64 KiB would take 15 % less CPU than these and are no faster. While more than
 * UPLOAD_CROWD uploads are under way the next ones get small blocks: 100 have 4 MiB together. How
 * many there may be is decided where requests are admitted. */
enum {
    UPLOAD_BLOCK_BYTES = 32 << 10,
    UPLOAD_SMALL_BLOCK_BYTES = 16 << 10,
    UPLOAD_CROWD = 32,
    UPLOAD_HEAD_BYTES = 4096,
};

struct upload;

/* expected_bytes: what the sender announced, 0 when nothing. ERR_STORAGE_FULL when it does not fit
 * above the store's reserve, ERR_STORE_UNAVAILABLE as by store_check_place(). */
enum err upload_begin(struct task *task, struct store *store, uint64_t max_bytes,
                      uint64_t expected_bytes, struct upload **out);
/* After an error only upload_drop() is allowed. ERR_PAYLOAD_TOO_LARGE past max_bytes,
 * ERR_STORAGE_FULL also midway. */
enum err upload_write(struct task *task, struct upload *upload, struct slice bytes);
/* Flushes, hashes, syncs, moves to its place by content. Ends the upload also on failure. One that
 * goes over several requests stays in partial/ beside it, and is paused by a failure. */
enum err upload_keep(struct task *task, struct upload *upload, struct slice *sha256_hex);
/* Removes the file; NULL is allowed. */
void upload_drop(struct task *task, struct upload *upload);

/* -- Uploads that go over several requests: partial.h ----------------------------------------- */

/* Lives as long as the upload. */
struct upload_resumption {
    struct slice name;       /* an id of ours */
    uint64_t proven_bytes;   /* what is there beyond them is cut off; UINT64_MAX: nothing is */
    uint64_t expected_bytes; /* more, as announced; 0: unknown */
    bool provisional;        /* what comes may be taken back */
};

/* Goes on where the file ends, or begins it; whoever writes holds it alone. The hash goes on from
 * its note; what came after that is read once. ERR_LOCKED: somebody else writes. ERR_NOT_FOUND: it
 * was removed just now. */
enum err upload_resume(struct task *task, struct store *store, uint64_t max_bytes,
                       const struct upload_resumption *how, struct upload **out);
/* Adds what another one's file has. ERR_NOT_FOUND: it has none; else as upload_write(). */
enum err upload_append(struct task *task, struct upload *upload, struct slice name);
/* Of what was written from that byte on, with all that was given to upload_write(). */
enum err upload_digest(struct task *task, struct upload *upload, uint64_t from,
                       struct digest *digest);
/* These two end the upload. Keeps what has come, durably; after an error of the disk, some of it.
 */
enum err upload_pause(struct task *task, struct upload *upload);
/* Takes back all beyond so many bytes. */
enum err upload_rewind(struct task *task, struct upload *upload, uint64_t bytes);

uint64_t upload_size(const struct upload *upload);
struct slice upload_head(const struct upload *upload); /* the first <= 4096 bytes so far */
