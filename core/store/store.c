#include "store/store.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/mark.h"
#include "store/store_errno.h"

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
    uid_t owner;
    uint64_t reserve_bytes;
    char mark[MARK_BYTES_MAX]; /* empty: nobody's yet */
    atomic_bool gone;          /* the log knows that it is not at its place */
};

static const char *const folders[] = {"blobs", "variants", "incoming", LAYOUT_PARTIAL, "trash"};

/* -- Opening ---------------------------------------------------------------------------------- */

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

/* One that exists already is fine. */
static int make_folder(int at, const char *path)
{
    int rc = mkdirat(at, path, FOLDER_MODE);

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

    store->reserve_bytes = reserve_bytes;
    store->folder = mem_alloc(folder.n + 1);
    memcpy(store->folder, folder.p, folder.n);
    store->fd = -1;
    if (make_folder(AT_FDCWD, store->folder) != 0)
        return fail(store, folder, problem);
    store->fd = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat info;
    if (store->fd < 0 || fstat(store->fd, &info) != 0)
        return fail(store, folder, problem);
    store->owner = info.st_uid;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (make_folder(store->fd, folders[i]) != 0)
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

void store_give(const struct store *store, int fd)
{
    if (geteuid() != store->owner && fchown(fd, store->owner, (gid_t)-1) != 0)
        log_event(LOG_DEBUG, "file_not_given", F("why", strerror(errno)));
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

/* -- Temporary files --------------------------------------------------------------------------- */

/* Was it taken for a remain, in the moment before it was locked? */
static bool was_removed(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && info.st_nlink == 0;
}

static enum err open_new(struct store *store, char path[LAYOUT_PATH_MAX], int *fd)
{
    uint8_t id[INCOMING_ID_BYTES];
    char name[2 * INCOMING_ID_BYTES + 1];

    random_bytes(id, sizeof id);
    sodium_bin2hex(name, sizeof name, id, sizeof id);
    snprintf(path, LAYOUT_PATH_MAX, "incoming/%s", name);
    *fd = openat(store->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (*fd < 0)
        return store_errno("create", errno);
    store_give(store, *fd);
    if (flock(*fd, LOCK_EX) == 0)
        return OK;
    enum err err = store_errno("flock", errno);
    close(*fd);
    store_incoming_remove(store, path);
    return err;
}

enum err store_incoming_open(struct store *store, char path[LAYOUT_PATH_MAX], int *fd)
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

/* -- Does it work? ----------------------------------------------------------------------------- */

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
    char path[LAYOUT_PATH_MAX];
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
