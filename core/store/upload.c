#include "store/upload.h"

#include "base/crypto.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/memory.h"
#include "store/hash_note.h"
#include "store/partial.h"
#include "store/store_content.h"
#include "store/store_errno.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum {
    UPLOAD_MAGIC = 0x75706c64,
    ROOM_CHECK_BYTES = 16 << 20,
    WRITEBACK_BYTES = 8 << 20, /* handed to the disk while more arrives: a short fsync at the end */
    NOTE_BYTES = 64 << 20, /* after so many more the hash is noted: what a crash has read again */
    READ_BYTES = 256 << 10,
};

struct block {
    char *bytes; /* allocated when first needed: a small file needs one block */
    size_t n;
};

struct upload {
    uint32_t magic;
    struct store *store;
    char path[LAYOUT_PATH_MAX];
    int fd;
    uint64_t max_bytes, size;
    size_t block_bytes;
    char head[UPLOAD_HEAD_BYTES];
    size_t head_n;
    struct block filling, writing;
    const struct upload_resumption *resumed; /* NULL: all of it comes in one request */

    /* While busy, the pool owns `writing` and what follows. */
    bool busy;
    uv_work_t work;
    struct fiber_wait wait;
    struct sha256 *hash;
    uint64_t written, room_checked, written_back, noted;
    char hex[SHA256_HEX + 1];
    enum err err; /* sticky: the first failure of the pool */
};

static unsigned active; /* uploads of this process, counted on the loop thread */

static void upload_free(struct upload *upload)
{
    active--;
    sha256_free(upload->hash);
    mem_free(upload->filling.bytes);
    mem_free(upload->writing.bytes);
    upload->magic = 0;
    mem_free(upload);
}

/* On the pool */

static enum err write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t rc = write(fd, bytes, n);

        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0)
            return store_errno("write", errno);
        bytes += rc;
        n -= (size_t)rc;
    }
    return OK;
}

static void note_hash(struct upload *upload)
{
    hash_note_write(upload->store, upload->resumed->name, upload->hash);
    upload->noted = upload->written;
}

static enum err write_block(struct upload *upload)
{
    struct block *block = &upload->writing;
    enum err err = write_all(upload->fd, block->bytes, block->n);

    if (err != OK)
        return err;
    sha256_update(upload->hash, block->bytes, block->n);
    upload->written += block->n;
    block->n = 0;
    if (upload->resumed && !upload->resumed->provisional &&
        upload->written - upload->noted >= NOTE_BYTES)
        note_hash(upload);
    if (upload->written - upload->written_back >= WRITEBACK_BYTES) {
        /* Advice: where the file system has no such call, the fsync does it all. */
        sync_file_range(upload->fd, (off_t)upload->written_back,
                        (off_t)(upload->written - upload->written_back), SYNC_FILE_RANGE_WRITE);
        upload->written_back = upload->written;
    }
    if (upload->written - upload->room_checked >= ROOM_CHECK_BYTES) {
        upload->room_checked = upload->written;
        return store_check_room(upload->store, 0);
    }
    return OK;
}

static void on_work(uv_work_t *work)
{
    struct upload *upload = CONTAINER_OF(work, struct upload, work);

    upload->err = write_block(upload);
}

static void remove_now(void *arg)
{
    struct upload *upload = arg;

    close(upload->fd);
    if (upload->resumed)
        partial_unlink(upload->store, upload->resumed->name);
    else
        store_incoming_remove(upload->store, upload->path);
}

static void finish_now(void *arg)
{
    struct upload *upload = arg;
    uint8_t digest[SHA256_BYTES];
    struct slice hex = {upload->hex, SHA256_HEX};

    upload->err = write_block(upload);
    if (upload->err != OK)
        return;
    if (upload->resumed)
        note_hash(upload);
    sha256_final(upload->hash, digest);
    sodium_bin2hex(upload->hex, sizeof upload->hex, digest, sizeof digest);
    FAULT_POINT(UPLOAD_BEFORE_FSYNC);
    upload->err = fsync(upload->fd) == 0 ? OK : store_errno("fsync", errno);
    FAULT_POINT(UPLOAD_AFTER_FSYNC);
    if (upload->err == OK && upload->resumed) {
        futimens(upload->fd, NULL); /* it may be old, and the blob is not: the collector looks */
        upload->err = store_blob_link(upload->store, hex, upload->path);
    } else if (upload->err == OK) {
        upload->err = store_blob_keep(upload->store, hex, upload->path);
    }
    if (upload->err == OK)
        close(upload->fd); /* here, as it takes time when the blob was there already */
}

static void flush_now(void *arg)
{
    struct upload *upload = arg;

    upload->err = write_block(upload);
}

static void pause_now(void *arg)
{
    struct upload *upload = arg;

    if (upload->err == OK)
        note_hash(upload);
    if (fdatasync(upload->fd) != 0 && upload->err == OK)
        upload->err = store_errno("fdatasync", errno);
    close(upload->fd);
}

struct rewinding {
    struct upload *upload;
    uint64_t bytes;
};

static void rewind_now(void *arg)
{
    const struct rewinding *rewinding = arg;
    struct upload *upload = rewinding->upload;
    bool cut = ftruncate(upload->fd, (off_t)rewinding->bytes) == 0;

    upload->err = cut && fsync(upload->fd) == 0 ? OK : store_errno("ftruncate", errno);
    close(upload->fd);
}

/* -- Going on, on the pool -------------------------------------------------------------------- */

static enum err read_head(struct upload *upload)
{
    ssize_t n = pread(upload->fd, upload->head, sizeof upload->head, 0);

    if (n < 0)
        return store_errno("read", errno);
    upload->head_n = (size_t)n;
    return OK;
}

/* Reads what the file has from that byte on. */
static enum err read_from(const struct upload *upload, uint64_t from,
                          void (*fn)(void *arg, const void *bytes, size_t n), void *arg)
{
    char *bytes = mem_alloc_raw(READ_BYTES);
    ssize_t n;

    while ((n = pread(upload->fd, bytes, READ_BYTES, (off_t)from)) > 0) {
        fn(arg, bytes, (size_t)n);
        from += (uint64_t)n;
    }
    mem_free(bytes);
    return n < 0 ? store_errno("read", errno) : OK;
}

static void add_to_hash(void *hash, const void *bytes, size_t n)
{
    sha256_update(hash, bytes, n);
}

static void add_to_digest(void *digest, const void *bytes, size_t n)
{
    digest_update(digest, bytes, n);
}

struct digesting {
    struct upload *upload;
    uint64_t from;
    struct digest *digest;
};

static void digest_now(void *arg)
{
    const struct digesting *digesting = arg;
    struct upload *upload = digesting->upload;

    upload->err = read_from(upload, digesting->from, add_to_digest, digesting->digest);
}

static enum err take_up(struct upload *upload)
{
    const struct upload_resumption *how = upload->resumed;
    off_t size = lseek(upload->fd, 0, SEEK_END);

    if (size < 0)
        return store_errno("lseek", errno);
    upload->size = (uint64_t)size;
    if (upload->size > how->proven_bytes) {
        upload->size = how->proven_bytes;
        if (ftruncate(upload->fd, (off_t)upload->size) != 0 || lseek(upload->fd, 0, SEEK_END) < 0)
            return store_errno("ftruncate", errno);
    }
    upload->written = upload->written_back = upload->room_checked = upload->size;
    enum err err = read_head(upload);
    if (err != OK)
        return err;
    upload->hash = hash_note_read(upload->store, how->name, upload->size);
    upload->noted = sha256_count(upload->hash);
    /* What no note tells of: all of it, or what came after the last one. */
    return read_from(upload, upload->noted, add_to_hash, upload->hash);
}

static void resume_now(void *arg)
{
    struct upload *upload = arg;
    const struct upload_resumption *how = upload->resumed;

    upload->err = store_check_place(upload->store);
    if (upload->err == OK)
        upload->err = store_check_room(upload->store, how->expected_bytes);
    if (upload->err == OK)
        upload->err = partial_open(upload->store, how->name, &upload->fd);
    if (upload->err != OK)
        return;
    layout_partial(upload->path, how->name);
    upload->err = take_up(upload);
    if (upload->err != OK)
        close(upload->fd);
}

/* On the loop thread */

static void after_write(uv_work_t *work, int status)
{
    struct upload *upload = CONTAINER_OF(work, struct upload, work);

    assert(upload->magic == UPLOAD_MAGIC && upload->busy);
    upload->busy = false;
    fiber_resume(&upload->wait);
}

/* No deadline: the pool uses what the upload owns until the disk has answered. */
static void await_idle(struct upload *upload)
{
    if (upload->busy)
        fiber_await(&upload->wait, FIBER_FOREVER);
}

static void swap_blocks(struct upload *upload)
{
    struct block block = upload->writing;

    upload->writing = upload->filling;
    upload->filling = block;
}

static enum err start_write(struct upload *upload)
{
    await_idle(upload);
    if (upload->err != OK)
        return upload->err;
    swap_blocks(upload);
    upload->busy = true;
    upload->wait = (struct fiber_wait){0};
    int rc = uv_queue_work(loop_get(), &upload->work, on_work, after_write);
    assert(rc == 0);
    (void)rc;
    return OK;
}

struct beginning {
    struct upload *upload;
    uint64_t expected_bytes;
};

static void begin_now(void *arg)
{
    struct beginning *beginning = arg;
    struct upload *upload = beginning->upload;

    upload->err = store_check_place(upload->store);
    if (upload->err == OK)
        upload->err = store_check_room(upload->store, beginning->expected_bytes);
    if (upload->err == OK)
        upload->err = store_incoming_open(upload->store, upload->path, &upload->fd);
}

static struct upload *upload_new(struct store *store, uint64_t max_bytes)
{
    struct upload *upload = MEM_NEW(struct upload);

    upload->magic = UPLOAD_MAGIC;
    upload->store = store;
    upload->max_bytes = max_bytes;
    upload->block_bytes = ++active > UPLOAD_CROWD ? UPLOAD_SMALL_BLOCK_BYTES : UPLOAD_BLOCK_BYTES;
    return upload;
}

enum err upload_begin(struct task *task, struct store *store, uint64_t max_bytes,
                      uint64_t expected_bytes, struct upload **out)
{
    struct upload *upload = upload_new(store, max_bytes);
    struct beginning beginning = {upload, expected_bytes};

    upload->hash = sha256_new();
    task_offload(task, begin_now, &beginning);
    enum err err = upload->err;
    if (err == OK)
        *out = upload;
    else
        upload_free(upload);
    return err;
}

enum err upload_resume(struct task *task, struct store *store, uint64_t max_bytes,
                       const struct upload_resumption *how, struct upload **out)
{
    struct upload *upload = upload_new(store, max_bytes);

    upload->resumed = how;
    task_offload(task, resume_now, upload);
    enum err err = upload->err;
    if (err == OK)
        *out = upload;
    else
        upload_free(upload);
    return err;
}

static void fill_head(struct upload *upload, struct slice bytes)
{
    size_t room = sizeof upload->head - upload->head_n;
    size_t n = bytes.n < room ? bytes.n : room;

    memcpy(upload->head + upload->head_n, bytes.p, n);
    upload->head_n += n;
}

enum err upload_write(struct task *task, struct upload *upload, struct slice bytes)
{
    if (upload->size > upload->max_bytes || bytes.n > upload->max_bytes - upload->size)
        return ERR_PAYLOAD_TOO_LARGE;
    upload->size += bytes.n;
    if (upload->head_n < sizeof upload->head && bytes.n)
        fill_head(upload, bytes);
    while (bytes.n > 0) {
        struct block *block = &upload->filling;

        if (!block->bytes)
            block->bytes = mem_alloc(upload->block_bytes);
        size_t room = upload->block_bytes - block->n;
        size_t n = bytes.n < room ? bytes.n : room;
        memcpy(block->bytes + block->n, bytes.p, n);
        block->n += n;
        bytes = slice_from_offset(bytes, n);
        enum err err = block->n == upload->block_bytes ? start_write(upload) : OK;
        if (err != OK)
            return err;
    }
    return OK;
}

enum err upload_keep(struct task *task, struct upload *upload, struct slice *sha256_hex)
{
    await_idle(upload);
    enum err err = upload->err;
    if (err == OK) {
        swap_blocks(upload);
        task_offload(task, finish_now, upload);
        err = upload->err;
    }
    if (err != OK) {
        if (upload->resumed)
            upload_pause(task, upload);
        else
            upload_drop(task, upload);
        return err;
    }
    *sha256_hex = arena_dup(task->arena, (struct slice){upload->hex, SHA256_HEX});
    upload_free(upload);
    return OK;
}

void upload_drop(struct task *task, struct upload *upload)
{
    if (!upload)
        return;
    assert(upload->magic == UPLOAD_MAGIC);
    await_idle(upload);
    task_offload(task, remove_now, upload);
    upload_free(upload);
}

struct piece {
    struct store *store;
    struct slice name;
    int fd;
    char *bytes;
    ssize_t n;
    enum err err;
};

static void open_piece(void *arg)
{
    struct piece *piece = arg;

    piece->err = partial_read(piece->store, piece->name, &piece->fd);
}

static void read_piece(void *arg)
{
    struct piece *piece = arg;

    piece->n = read(piece->fd, piece->bytes, READ_BYTES);
    piece->err = piece->n < 0 ? store_errno("read", errno) : OK;
}

static enum err append_piece(struct task *task, struct upload *upload, struct piece *piece)
{
    enum err err;

    do {
        task_offload(task, read_piece, piece);
        err = piece->err;
        if (err == OK && piece->n)
            err = upload_write(task, upload, (struct slice){piece->bytes, (size_t)piece->n});
    } while (err == OK && piece->n);
    return err;
}

enum err upload_append(struct task *task, struct upload *upload, struct slice name)
{
    struct piece piece = {.store = upload->store, .name = name};

    task_offload(task, open_piece, &piece);
    if (piece.err != OK)
        return piece.err;
    piece.bytes = mem_alloc_raw(READ_BYTES);
    enum err err = append_piece(task, upload, &piece);
    mem_free(piece.bytes);
    close(piece.fd);
    return err;
}

static void flush(struct task *task, struct upload *upload)
{
    await_idle(upload);
    if (upload->err != OK)
        return;
    swap_blocks(upload);
    task_offload(task, flush_now, upload);
}

enum err upload_digest(struct task *task, struct upload *upload, uint64_t from,
                       struct digest *digest)
{
    struct digesting digesting = {upload, from, digest};

    flush(task, upload);
    if (upload->err == OK)
        task_offload(task, digest_now, &digesting);
    return upload->err;
}

enum err upload_pause(struct task *task, struct upload *upload)
{
    assert(upload->resumed);
    flush(task, upload);
    task_offload(task, pause_now, upload);
    enum err err = upload->err;
    upload_free(upload);
    return err;
}

enum err upload_rewind(struct task *task, struct upload *upload, uint64_t bytes)
{
    struct rewinding rewinding = {upload, bytes};

    assert(upload->resumed);
    await_idle(upload);
    task_offload(task, rewind_now, &rewinding);
    enum err err = upload->err;
    upload_free(upload);
    return err;
}

uint64_t upload_size(const struct upload *upload)
{
    return upload->size;
}

struct slice upload_head(const struct upload *upload)
{
    return (struct slice){upload->head, upload->head_n};
}
