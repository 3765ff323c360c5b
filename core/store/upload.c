#include "store/upload.h"

#include "base/crypto.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/memory.h"
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

    /* While busy, the pool owns `writing` and what follows. */
    bool busy;
    uv_work_t work;
    struct fiber_wait wait;
    struct sha256 *hash;
    uint64_t written, room_checked, written_back;
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

static enum err write_block(struct upload *upload)
{
    struct block *block = &upload->writing;
    enum err err = write_all(upload->fd, block->bytes, block->n);

    if (err != OK)
        return err;
    sha256_update(upload->hash, block->bytes, block->n);
    upload->written += block->n;
    block->n = 0;
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
    sha256_final(upload->hash, digest);
    sodium_bin2hex(upload->hex, sizeof upload->hex, digest, sizeof digest);
    FAULT_POINT(UPLOAD_BEFORE_FSYNC);
    upload->err = fsync(upload->fd) == 0 ? OK : store_errno("fsync", errno);
    FAULT_POINT(UPLOAD_AFTER_FSYNC);
    if (upload->err == OK)
        upload->err = store_blob_keep(upload->store, hex, upload->path);
    if (upload->err == OK)
        close(upload->fd); /* here, as it takes time when the blob was there already */
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

enum err upload_begin(struct task *task, struct store *store, uint64_t max_bytes,
                      uint64_t expected_bytes, struct upload **out)
{
    struct upload *upload = MEM_NEW(struct upload);
    struct beginning beginning = {upload, expected_bytes};

    upload->magic = UPLOAD_MAGIC;
    upload->store = store;
    upload->max_bytes = max_bytes;
    upload->block_bytes = ++active > UPLOAD_CROWD ? UPLOAD_SMALL_BLOCK_BYTES : UPLOAD_BLOCK_BYTES;
    upload->hash = sha256_new();
    task_offload(task, begin_now, &beginning);
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
    if (bytes.n > upload->max_bytes - upload->size)
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

uint64_t upload_size(const struct upload *upload)
{
    return upload->size;
}

struct slice upload_head(const struct upload *upload)
{
    return (struct slice){upload->head, upload->head_n};
}
