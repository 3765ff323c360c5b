#include "store/store.h"

#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/layout.h"
#include "store/mark.h"
#include "store/store_files.h"
#include "store/trash.h"
#include "store/variant.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    PROBLEM_BYTES = 512,
    INCOMING_ID_BYTES = 16,
    FOLDER_MODE = 0700,
    FILE_MODE = 0600,
};

struct store {
    char *folder;
    int fd; /* of the folder; every path is relative to it */
    uint64_t reserve_bytes;
    char mark[MARK_BYTES_MAX]; /* empty: nobody's yet */
    atomic_bool gone;          /* the log knows that it is not at its place */
};

static const char *const folders[] = {"blobs", "variants", "incoming", "trash"};

enum err store_errno(const char *what, int error)
{
    if (error == ENOENT)
        return ERR_NOT_FOUND;
    if (error == ENOSPC || error == EDQUOT)
        return ERR_STORAGE_FULL;
    if (error == EMFILE || error == ENFILE || error == ENOMEM)
        return ERR_OVERLOADED; /* and passes */
    log_event(LOG_ERROR, "store_failed", F("call", what), F("errno", error));
    return ERR_INTERNAL;
}

/* Opening */

/* Whoever writes a file in incoming/ holds its lock, and loses it by dying. */
static void remove_remains(int incoming_fd, const char *name)
{
    int fd = openat(incoming_fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(incoming_fd, name, 0) == 0)
        log_event(LOG_INFO, "upload_remains_removed", F("file", name));
    close(fd);
}

void store_clean_incoming(struct store *store)
{
    int fd = openat(store->fd, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        remove_remains(dirfd(dir), entry->d_name);
    closedir(dir);
}

/* mkdir; a folder that exists already is fine. *made: it is new, so its parent wants a sync. */
static int make_folder(int at, const char *path, bool *made)
{
    int rc = mkdirat(at, path, FOLDER_MODE);

    *made = rc == 0;
    return rc == 0 || errno == EEXIST ? 0 : -1;
}

static struct store *fail(struct store *store, struct slice folder, char **problem)
{
    const char *why = strerror(errno);

    *problem = mem_alloc(PROBLEM_BYTES);
    snprintf(*problem, PROBLEM_BYTES, "cannot use %.*s as the store: %s", SLICE_ARG(folder), why);
    store_close(store);
    return NULL;
}

struct store *store_open(struct slice folder, uint64_t reserve_bytes, char **problem)
{
    struct store *store = MEM_NEW(struct store);
    bool made;

    store->reserve_bytes = reserve_bytes;
    store->folder = mem_alloc(folder.n + 1);
    memcpy(store->folder, folder.p, folder.n);
    store->fd = -1;
    if (make_folder(AT_FDCWD, store->folder, &made) != 0)
        return fail(store, folder, problem);
    store->fd = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->fd < 0)
        return fail(store, folder, problem);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (make_folder(store->fd, folders[i], &made) != 0)
            return fail(store, folder, problem);
        if (faccessat(store->fd, folders[i], R_OK | W_OK | X_OK, AT_EACCESS) != 0)
            return fail(store, folder, problem);
    }
    if (fsync(store->fd) != 0)
        return fail(store, folder, problem);
    mark_read(store->fd, store->mark);
    store_clean_incoming(store);
    return store;
}

struct store *store_join(struct slice folder, char **problem)
{
    struct arena *arena = arena_new();
    struct slice mark;
    bool marked = mark_look(arena, folder, &mark) == MARK_FOUND;

    arena_free(arena);
    if (marked)
        return store_open(folder, 0, problem);
    *problem = mem_alloc(PROBLEM_BYTES);
    snprintf(*problem, PROBLEM_BYTES, "%.*s is not the store of a hub: is it mounted?",
             SLICE_ARG(folder));
    return NULL;
}

enum err store_mark(struct store *store, struct slice mark)
{
    enum err err = mark_write(store->fd, mark);

    if (err == OK)
        mark_read(store->fd, store->mark);
    return err;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->fd >= 0)
        close(store->fd);
    mem_free(store->folder);
    mem_free(store);
}

int store_fd(const struct store *store)
{
    return store->fd;
}

static bool is_same_folder(int a, int b)
{
    struct stat one, other;

    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* A store that was mounted anew takes the place of the old one under the same descriptor, whoever
 * uses it meanwhile. */
static bool find_again(struct store *store)
{
    char mark[MARK_BYTES_MAX];
    int fd = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ours = fd >= 0 && mark_read(fd, mark) == MARK_FOUND && strcmp(mark, store->mark) == 0;

    if (ours && !is_same_folder(fd, store->fd))
        ours = dup3(fd, store->fd, O_CLOEXEC) >= 0;
    if (fd >= 0)
        close(fd);
    return ours;
}

enum err store_check_place(struct store *store)
{
    bool there = !*store->mark || find_again(store);

    if (atomic_exchange(&store->gone, !there) == there) {
        if (there)
            log_event(LOG_INFO, "store_back", F("folder", store->folder));
        else
            log_event(LOG_ERROR, "store_gone", F("folder", store->folder),
                      F("expected", store->mark), F("remedy", "mount it at this place again"));
    }
    return there ? OK : ERR_STORE_UNAVAILABLE;
}

uint64_t store_time_ms(const struct timespec *at)
{
    return (uint64_t)at->tv_sec * 1000 + (uint64_t)at->tv_nsec / 1000000;
}

enum err store_check_room(const struct store *store, uint64_t more)
{
    struct statvfs disk;

    if (fstatvfs(store->fd, &disk) != 0)
        return store_errno("statvfs", errno);
    uint64_t available = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (available < store->reserve_bytes || available - store->reserve_bytes < more)
        return ERR_STORAGE_FULL;
    return OK;
}

struct trial {
    struct store *store;
    enum err err;
};

static enum err write_and_read(const struct store *store, const char *path, int fd)
{
    static const char wrote[] = "ready?";
    char read_back[sizeof wrote] = "";

    if (write(fd, wrote, sizeof wrote) != sizeof wrote)
        return store_errno("write", errno);
    int again = openat(store->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (again < 0)
        return store_errno("open", errno);
    bool same = read(again, read_back, sizeof read_back) == sizeof read_back &&
                memcmp(wrote, read_back, sizeof wrote) == 0;
    enum err err = same ? OK : store_errno("read", errno);
    close(again);
    return err;
}

static void try_now(void *arg)
{
    struct trial *trial = arg;
    char path[STORE_PATH_MAX];
    int fd;

    trial->err = store_check_place(trial->store);
    if (trial->err == OK)
        trial->err = store_check_room(trial->store, 0);
    if (trial->err == OK)
        trial->err = store_incoming_open(trial->store, path, &fd);
    if (trial->err != OK)
        return;
    trial->err = write_and_read(trial->store, path, fd);
    close(fd);
    if (unlinkat(trial->store->fd, path, 0) != 0)
        trial->err = store_errno("unlink", errno);
}

bool store_works(struct task *task, struct store *store)
{
    struct trial trial = {.store = store};

    task_offload(task, try_now, &trial);
    return trial.err == OK;
}

/* Reading */

struct opening {
    struct store *store;
    struct slice sha256_hex;
    char path[STORE_PATH_MAX];
    int fd;
    uint64_t size;
    enum err err;
};

static void open_now(void *arg)
{
    struct opening *opening = arg;
    struct store *store = opening->store;
    struct stat info;

    opening->fd = openat(store->fd, opening->path, O_RDONLY | O_CLOEXEC);
    if (opening->fd < 0 && errno == ENOENT) {
        trash_restore(store, opening->sha256_hex);
        opening->fd = openat(store->fd, opening->path, O_RDONLY | O_CLOEXEC);
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

enum err store_variant_find(struct task *task, struct store *store, struct slice sha256_hex,
                            enum variant variant, const struct variant_file **which, int *fd,
                            uint64_t *size)
{
    const struct variant_row *row = variant_row(variant);

    *which = &row->now;
    enum err err = store_variant_open(task, store, sha256_hex, row->now.name, fd, size);
    if (err != ERR_NOT_FOUND || !row->former.bit)
        return err;
    *which = &row->former;
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

enum err store_mask_load(struct task *task, struct store *store, struct slice sha256_hex,
                         struct mask *out)
{
    struct slice file = variant_row(VARIANT_PRIVATE)->now.name;
    struct mask_reading reading;
    uint64_t size;
    enum err err = store_variant_open(task, store, sha256_hex, file, &reading.fd, &size);

    if (err != OK)
        return err;
    reading.size = size < MASK_MAX_BYTES ? (size_t)size : MASK_MAX_BYTES;
    reading.bytes = arena_alloc(task->arena, reading.size + 1);
    task_offload(task, read_mask, &reading);
    if (reading.n < 0)
        return store_errno("read a mask", reading.error);
    struct slice bytes = {reading.bytes, (size_t)reading.n};
    return mask_parse(task->arena, bytes, out) ? OK : ERR_CONFLICT;
}

/* Writing */

/* Was it taken for a remain, in the moment before it was locked? */
static bool was_removed(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && info.st_nlink == 0;
}

static enum err open_new(struct store *store, char path[STORE_PATH_MAX], int *fd)
{
    uint8_t id[INCOMING_ID_BYTES];
    char name[2 * INCOMING_ID_BYTES + 1];

    random_bytes(id, sizeof id);
    sodium_bin2hex(name, sizeof name, id, sizeof id);
    snprintf(path, STORE_PATH_MAX, "incoming/%s", name);
    *fd = openat(store->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (*fd < 0)
        return store_errno("create", errno);
    if (flock(*fd, LOCK_EX) == 0)
        return OK;
    enum err err = store_errno("flock", errno);
    close(*fd);
    store_incoming_remove(store, path);
    return err;
}

enum err store_incoming_open(struct store *store, char path[STORE_PATH_MAX], int *fd)
{
    enum err err = open_new(store, path, fd);

    while (err == OK && was_removed(*fd)) {
        close(*fd);
        err = open_new(store, path, fd);
    }
    return err;
}

void store_incoming_remove(struct store *store, const char *path)
{
    if (unlinkat(store->fd, path, 0) != 0 && errno != ENOENT)
        store_errno("unlink", errno);
}

static int sync_folder(struct store *store, const char *path)
{
    int fd = openat(store->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    int error = errno;
    close(fd);
    errno = error;
    return rc;
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
    char parent[STORE_PATH_MAX];
    bool made;

    snprintf(parent, sizeof parent, "%s", path);
    to_parent(parent);
    if (make_folder(store->fd, parent, &made) != 0) {
        if (errno != ENOENT || make_way(store, parent) != 0)
            return -1;
        if (make_folder(store->fd, parent, &made) != 0)
            return -1;
    }
    if (!made)
        return 0;
    to_parent(parent);
    return sync_folder(store, parent);
}

static enum err move_in(struct store *store, const char *temporary_path, const char *path)
{
    char parent[STORE_PATH_MAX];

    if (make_way(store, path) != 0)
        return store_errno("mkdir", errno);
    FAULT_POINT(STORE_BEFORE_RENAME);
    if (renameat(store->fd, temporary_path, store->fd, path) != 0)
        return store_errno("rename", errno);
    FAULT_POINT(STORE_AFTER_RENAME);
    snprintf(parent, sizeof parent, "%s", path);
    to_parent(parent);
    return sync_folder(store, parent) == 0 ? OK : store_errno("fsync", errno);
}

enum err store_blob_keep(struct store *store, struct slice sha256_hex, const char *temporary_path)
{
    char path[STORE_PATH_MAX];

    layout_blob(path, sha256_hex);
    /* Touched first: the collector looks at the time again after it has moved a blob to trash/, so
     * either it sees this, or the file is gone from here and we put ours in its place. */
    if (utimensat(store->fd, path, NULL, 0) != 0)
        return errno == ENOENT ? move_in(store, temporary_path, path)
                               : store_errno("utimensat", errno);
    store_incoming_remove(store, temporary_path);
    /* Who wrote the same content a moment ago may not have synced its name yet. */
    to_parent(path);
    return sync_folder(store, path) == 0 ? OK : store_errno("fsync", errno);
}

static void remove_file(struct store *store, struct slice sha256_hex, struct slice file)
{
    char path[STORE_PATH_MAX];

    if (file.n == 0)
        return;
    layout_variant(path, sha256_hex, file);
    store_incoming_remove(store, path);
}

static void remove_former(struct store *store, struct slice sha256_hex, struct slice file)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (slice_eq(variant_row(v)->now.name, file))
            remove_file(store, sha256_hex, variant_row(v)->former.name);
}

enum err store_variant_keep(struct store *store, struct slice sha256_hex, struct slice file,
                            const char *temporary_path)
{
    char path[STORE_PATH_MAX];

    layout_variant(path, sha256_hex, file);
    enum err err = move_in(store, temporary_path, path);
    if (err == OK)
        remove_former(store, sha256_hex, file);
    return err;
}

void store_variant_remove(struct store *store, struct slice sha256_hex, enum variant variant)
{
    remove_file(store, sha256_hex, variant_row(variant)->now.name);
    remove_file(store, sha256_hex, variant_row(variant)->former.name);
}
