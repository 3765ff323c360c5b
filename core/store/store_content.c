#include "store/store_content.h"

#include "base/fault.h"
#include "base/memory.h"
#include "store/store_errno.h"
#include "store/trash.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0700,
    READ_BYTES = 256 << 10,
    FILES_MAX = 256, /* looked at of one original's; the rest another time */
};

/* -- Reading ---------------------------------------------------------------------------------- */

struct opening {
    struct store *store;
    struct slice sha256_hex;
    char path[LAYOUT_PATH_MAX];
    int fd;
    uint64_t size;
    enum err err;
};

static void open_now(void *arg)
{
    struct opening *opening = arg;
    struct store *store = opening->store;
    struct stat info;

    opening->fd = openat(store_fd(store), opening->path, O_RDONLY | O_CLOEXEC);
    if (opening->fd < 0 && errno == ENOENT) {
        trash_restore(store, opening->sha256_hex);
        opening->fd = openat(store_fd(store), opening->path, O_RDONLY | O_CLOEXEC);
    }
    if (opening->fd < 0) {
        opening->err = store_errno("open", errno);
        return;
    }
    if (fstat(opening->fd, &info) != 0) {
        opening->err = store_errno("fstat", errno);
        close(opening->fd);
        return;
    }
    opening->size = (uint64_t)info.st_size;
}

static enum err open_on_pool(struct task *task, struct opening *opening, int *fd, uint64_t *size)
{
    task_offload(task, open_now, opening);
    *fd = opening->fd;
    *size = opening->size;
    return opening->err;
}

enum err store_blob_open(struct task *task, struct store *store, struct slice sha256_hex, int *fd,
                         uint64_t *size)
{
    struct opening opening = {.store = store, .sha256_hex = sha256_hex};

    if (!layout_is_hash(sha256_hex))
        return ERR_NOT_FOUND;
    layout_blob(opening.path, sha256_hex);
    return open_on_pool(task, &opening, fd, size);
}

enum err store_variant_open(struct task *task, struct store *store, struct slice sha256_hex,
                            struct slice file, int *fd, uint64_t *size)
{
    struct opening opening = {.store = store, .sha256_hex = sha256_hex};

    layout_variant(opening.path, sha256_hex, file);
    return open_on_pool(task, &opening, fd, size);
}

enum err store_made_open(struct task *task, struct store *store, struct slice sha256_hex,
                         enum variant variant, struct variant_made *made, int *fd, uint64_t *size)
{
    const struct variant_row *row = variant_row(variant);
    char file[VARIANT_FILE_BYTES];

    variant_file_name(file, made->file->name, made->etag);
    enum err err = store_variant_open(task, store, sha256_hex, slice_from(file), fd, size);
    if (err != ERR_NOT_FOUND || made->etag.n || made->file != &row->now || !row->former.name.n)
        return err;
    made->file = &row->former;
    return store_variant_open(task, store, sha256_hex, row->former.name, fd, size);
}

struct mask_reading {
    int fd;
    char *bytes;
    size_t size;
    ssize_t n;
    int error;
};

static void read_mask(void *arg)
{
    struct mask_reading *reading = arg;

    reading->n = pread(reading->fd, reading->bytes, reading->size, 0);
    reading->error = errno;
    close(reading->fd);
}

enum err store_mask_read(struct task *task, int fd, uint64_t size, struct mask *out)
{
    struct mask_reading reading = {.fd = fd};

    reading.size = size < MASK_MAX_BYTES ? (size_t)size : MASK_MAX_BYTES;
    reading.bytes = arena_alloc(task->arena, reading.size + 1);
    task_offload(task, read_mask, &reading);
    if (reading.n < 0)
        return store_errno("read a mask", reading.error);
    struct slice bytes = {reading.bytes, (size_t)reading.n};
    return mask_parse(task->arena, bytes, out) ? OK : ERR_CONFLICT;
}

/* -- Keeping ---------------------------------------------------------------------------------- */

static int open_folder(struct store *store, const char *path)
{
    return openat(store_fd(store), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int sync_folder(struct store *store, const char *path)
{
    int fd = open_folder(store, path);

    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    int error = errno;
    close(fd);
    errno = error;
    return rc;
}

static void give_folder(struct store *store, const char *path)
{
    int fd = open_folder(store, path);

    if (fd < 0)
        return;
    store_give(store, fd);
    close(fd);
}

/* Cuts the last segment off. */
static void to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    assert(slash);
    *slash = '\0';
}

/* Makes the folders on the way to `path`, of which blobs/ and variants/ exist since store_open().
 * A new folder's parent is synced, or the folder could vanish with what is in it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as our paths, three folders */
static int make_way(struct store *store, const char *path)
{
    char parent[LAYOUT_PATH_MAX];

    snprintf(parent, sizeof parent, "%s", path);
    to_parent(parent);
    bool made = mkdirat(store_fd(store), parent, FOLDER_MODE) == 0;
    if (!made && errno == ENOENT && make_way(store, parent) == 0)
        made = mkdirat(store_fd(store), parent, FOLDER_MODE) == 0;
    if (!made)
        return errno == EEXIST ? 0 : -1;
    give_folder(store, parent);
    to_parent(parent);
    return sync_folder(store, parent);
}

typedef int place_fn(int from_fd, const char *from, int to_fd, const char *to);

static int link_or_rename(int from_fd, const char *from, int to_fd, const char *to)
{
    if (linkat(from_fd, from, to_fd, to, 0) == 0 || errno == EEXIST)
        return 0;
    return errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK
               ? renameat(from_fd, from, to_fd, to)
               : -1;
}

static enum err place(struct store *store, const char *temporary_path, const char *path,
                      place_fn *fn)
{
    char parent[LAYOUT_PATH_MAX];

    if (make_way(store, path) != 0)
        return store_errno("mkdir", errno);
    FAULT_POINT(STORE_BEFORE_RENAME);
    if (fn(store_fd(store), temporary_path, store_fd(store), path) != 0)
        return store_errno("rename", errno);
    FAULT_POINT(STORE_AFTER_RENAME);
    snprintf(parent, sizeof parent, "%s", path);
    to_parent(parent);
    return sync_folder(store, parent) == 0 ? OK : store_errno("fsync", errno);
}

static enum err keep_blob(struct store *store, struct slice sha256_hex, const char *temporary_path,
                          place_fn *fn)
{
    char path[LAYOUT_PATH_MAX];

    layout_blob(path, sha256_hex);
    /* Touched first: the collector looks at the time again after it has moved a blob to trash/, so
     * either it sees this, or the file is gone from here and we put ours in its place. */
    if (utimensat(store_fd(store), path, NULL, 0) != 0)
        return errno == ENOENT ? place(store, temporary_path, path, fn)
                               : store_errno("utimensat", errno);
    if (fn == renameat)
        store_incoming_remove(store, temporary_path);
    /* Who wrote the same content a moment ago may not have synced its name yet. */
    to_parent(path);
    return sync_folder(store, path) == 0 ? OK : store_errno("fsync", errno);
}

enum err store_blob_keep(struct store *store, struct slice sha256_hex, const char *temporary_path)
{
    return keep_blob(store, sha256_hex, temporary_path, renameat);
}

enum err store_blob_link(struct store *store, struct slice sha256_hex, const char *temporary_path)
{
    return keep_blob(store, sha256_hex, temporary_path, link_or_rename);
}

enum err store_file_hash(int fd, uint8_t digest[SHA256_BYTES], uint64_t *size)
{
    struct sha256 *hash = sha256_new();
    char *bytes = mem_alloc(READ_BYTES);
    ssize_t n;

    *size = 0;
    while ((n = read(fd, bytes, READ_BYTES)) > 0) {
        sha256_update(hash, bytes, (size_t)n);
        *size += (uint64_t)n;
    }
    enum err err = n == 0 ? OK : store_errno("read", errno);
    sha256_final(hash, digest);
    sha256_free(hash);
    mem_free(bytes);
    return err;
}

static enum err take_print(struct store *store, const char *path, struct variant_print *print)
{
    int fd = openat(store_fd(store), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t digest[SHA256_BYTES];

    if (fd < 0)
        return store_errno("open", errno);
    enum err err = store_file_hash(fd, digest, &print->size);
    close(fd);
    sodium_bin2hex(print->etag, sizeof print->etag, digest, VARIANT_ETAG_HEX / 2);
    return err;
}

enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice plain,
                            const char *temporary_path, struct variant_print *print)
{
    char path[LAYOUT_PATH_MAX], file[VARIANT_FILE_BYTES];
    enum err err = take_print(store, temporary_path, print);

    if (err != OK)
        return err;
    variant_file_name(file, plain, slice_from(print->etag));
    layout_variant(path, sha256_hex, slice_from(file));
    return place(store, temporary_path, path, renameat);
}

/* -- Removing --------------------------------------------------------------------------------- */

/* The time of the inode is that of the rename which brought it there. */
static bool came_before(int at, const char *name, uint64_t before_ms)
{
    struct stat info;

    return fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           store_time_ms(&info.st_ctim) < before_ms;
}

void store_variant_remove(struct store *store, struct slice sha256_hex, struct slice file,
                          uint64_t kept_before_ms)
{
    char path[LAYOUT_PATH_MAX];

    layout_variant(path, sha256_hex, file);
    if (came_before(store_fd(store), path, kept_before_ms))
        store_incoming_remove(store, path);
}

struct slice *store_variant_files(struct arena *arena, struct store *store, struct slice sha256_hex,
                                  uint64_t kept_before_ms, size_t *n)
{
    struct slice *files = ARENA_ARRAY(arena, struct slice, FILES_MAX);
    char path[LAYOUT_PATH_MAX];

    *n = 0;
    layout_variants(path, sha256_hex);
    int fd = openat(store_fd(store), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return files;
    }
    for (const struct dirent *entry = readdir(dir); entry && *n < FILES_MAX; entry = readdir(dir))
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < VARIANT_FILE_BYTES &&
            came_before(fd, entry->d_name, kept_before_ms))
            files[(*n)++] = arena_dup(arena, slice_from(entry->d_name));
    closedir(dir);
    return files;
}
