#include "store/partial.h"

#include "store/store_errno.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600 };

/* A new name is on the disk before anybody is told that bytes are. */
static enum err make_file(struct store *store, const char *path, int *fd)
{
    *fd = openat(store_fd(store), path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (*fd < 0)
        return store_errno("create", errno);
    store_give(store, *fd);
    int folder = openat(store_fd(store), LAYOUT_PARTIAL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = folder >= 0 && fsync(folder) == 0 ? OK : store_errno("fsync", errno);
    if (folder >= 0)
        close(folder);
    if (err != OK)
        close(*fd);
    return err;
}

static enum err hold(int fd)
{
    struct stat info;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? ERR_LOCKED : store_errno("flock", errno);
    if (fstat(fd, &info) != 0)
        return store_errno("fstat", errno);
    return info.st_nlink ? OK : ERR_NOT_FOUND;
}

enum err partial_open(struct store *store, struct slice name, int *fd)
{
    char path[LAYOUT_PATH_MAX];
    enum err err = OK;

    layout_partial(path, name);
    *fd = openat(store_fd(store), path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        err = errno == ENOENT ? make_file(store, path, fd) : store_errno("open", errno);
    if (err != OK)
        return err;
    err = hold(*fd);
    if (err != OK)
        close(*fd);
    return err;
}

enum err partial_read(struct store *store, struct slice name, int *fd)
{
    char path[LAYOUT_PATH_MAX];

    layout_partial(path, name);
    *fd = openat(store_fd(store), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return *fd >= 0 ? OK : store_errno("open", errno);
}

void partial_unlink(struct store *store, struct slice name)
{
    char path[LAYOUT_PATH_MAX];

    layout_partial_hash(path, name);
    store_incoming_remove(store, path);
    layout_partial(path, name);
    store_incoming_remove(store, path);
}

/* -- On the pool ------------------------------------------------------------------------------ */

struct errand {
    struct store *store;
    struct slice name;
    struct partial_look seen;
    enum err err;
};

static enum err look(struct errand *errand)
{
    struct stat info;
    enum err err = store_check_place(errand->store);
    int fd = -1;

    if (err == OK)
        err = partial_read(errand->store, errand->name, &fd);
    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    if (fstat(fd, &info) != 0 || fdatasync(fd) != 0)
        err = store_errno("fdatasync", errno);
    else
        errand->seen = (struct partial_look){(uint64_t)info.st_size, store_time_ms(&info.st_mtim)};
    close(fd);
    return err;
}

static void look_now(void *arg)
{
    struct errand *errand = arg;

    errand->err = look(errand);
}

static void remove_now(void *arg)
{
    const struct errand *errand = arg;

    partial_unlink(errand->store, errand->name);
}

enum err partial_look(struct task *task, struct store *store, struct slice name,
                      struct partial_look *out)
{
    struct errand errand = {.store = store, .name = name};

    task_offload(task, look_now, &errand);
    *out = errand.seen;
    return errand.err;
}

void partial_remove(struct task *task, struct store *store, struct slice name)
{
    struct errand errand = {.store = store, .name = name};

    task_offload(task, remove_now, &errand);
}

/* -- All of them ------------------------------------------------------------------------------ */

static struct slice id_of(const char *name)
{
    struct slice id = slice_from(name), suffix = SLICE(".hash");

    if (slice_ends_with(id, suffix))
        id.n -= suffix.n;
    return id;
}

static bool changed_before(int at, const char *name, uint64_t before_ms)
{
    struct stat info;

    return fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           store_time_ms(&info.st_mtim) < before_ms;
}

size_t partial_list(struct arena *arena, struct store *store, uint64_t changed_before_ms,
                    struct slice *names, size_t max)
{
    int fd = openat(store_fd(store), LAYOUT_PARTIAL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t n = 0;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry && n < max; entry = readdir(dir))
        if (layout_is_id(id_of(entry->d_name)) &&
            changed_before(fd, entry->d_name, changed_before_ms))
            names[n++] = arena_dup(arena, id_of(entry->d_name));
    closedir(dir);
    return n;
}
