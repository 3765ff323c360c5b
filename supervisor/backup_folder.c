#include "supervisor/backup_folder.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTION "mediahub-backup"
#define DESCRIPTION_LINE "mediahub backup 1\n"

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, NAME_BYTES = 32, DEPTH_MAX = 8 };

static bool fail(struct arena *arena, struct slice *problem, const char *what, const char *path)
{
    *problem = arena_printf(arena, "%s %s: %s", what, path, strerror(errno));
    return false;
}

static int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool make_folder(int at, const char *name)
{
    return mkdirat(at, name, FOLDER_MODE) == 0 || errno == EEXIST;
}

static bool is_finished(int root, const char *name)
{
    char path[NAME_BYTES + sizeof DESCRIPTION + 1];

    return name[0] != '.' && strlen(name) < NAME_BYTES &&
           snprintf(path, sizeof path, "%s/%s", name, DESCRIPTION) > 0 &&
           faccessat(root, path, F_OK, 0) == 0;
}

/* Names are times, so the greatest is the newest. */
static const char *newest(struct arena *arena, int root)
{
    int fd = dup(root);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const char *found = NULL;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    rewinddir(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (is_finished(root, entry->d_name) && (!found || strcmp(entry->d_name, found) > 0))
            found = arena_cstr(arena, slice_from(entry->d_name));
    closedir(dir);
    return found;
}

static char *name_of(struct arena *arena, time_t second)
{
    struct tm utc;
    char *name = arena_alloc(arena, NAME_BYTES);

    gmtime_r(&second, &utc);
    strftime(name, NAME_BYTES, "%Y-%m-%dT%H-%M-%SZ", &utc);
    return name;
}

static bool is_taken(int root, const char *name)
{
    return faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Makes the folder while it is not finished; it has the name of this second, or of the first one
 * after it that is free. */
static bool make_part(struct arena *arena, struct backup_folder *folder)
{
    const char *part;
    time_t second = (time_t)(clock_unix_ms() / 1000);

    do {
        folder->name = name_of(arena, second++);
        part = arena_printf(arena, ".%s", folder->name).p;
    } while (is_taken(folder->root, folder->name) ||
             (mkdirat(folder->root, part, FOLDER_MODE) != 0 && errno == EEXIST));
    return (folder->fd = open_folder(folder->root, part)) >= 0;
}

bool backup_folder_begin(struct arena *arena, struct slice root, struct backup_folder *out,
                         struct slice *problem)
{
    const char *path = arena_cstr(arena, root);

    *out = (struct backup_folder){.root = -1, .fd = -1, .before = -1};
    if (!make_folder(AT_FDCWD, path) || (out->root = open_folder(AT_FDCWD, path)) < 0)
        return fail(arena, problem, "there can be no back-up in", path);
    const char *before = newest(arena, out->root);
    out->before = before ? open_folder(out->root, before) : -1;
    bool made = make_part(arena, out);
    out->path = arena_printf(arena, "%s/%s", path, out->name);
    if (!made)
        return fail(arena, problem, "there can be no back-up", out->path.p);
    if (!make_folder(out->fd, "store") || !make_folder(out->fd, "state") ||
        !make_folder(out->fd, BACKUP_STATE_FOLDER))
        return fail(arena, problem, "there can be no back-up", out->path.p);
    return true;
}

static bool write_file(int at, const char *name, struct slice text)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return false;
    bool fine = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    close(fd);
    return fine;
}

bool backup_folder_finish(struct arena *arena, struct backup_folder *folder, struct slice identity,
                          struct slice *problem)
{
    struct slice text =
        arena_printf(arena, DESCRIPTION_LINE "%.*s\n%s\n", SLICE_ARG(identity), folder->name);
    const char *part = arena_printf(arena, ".%s", folder->name).p;

    if (!write_file(folder->fd, DESCRIPTION, text) || syncfs(folder->fd) != 0 ||
        renameat(folder->root, part, folder->root, folder->name) != 0 || fsync(folder->root) != 0)
        return fail(arena, problem, "the back-up cannot be finished:", folder->path.p);
    return true;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    remove(path); /* what stays is a folder with a dot, which counts for nothing */
    return 0;
}

void backup_folder_discard(struct arena *arena, struct slice root, struct backup_folder *folder)
{
    enum { OPEN_MAX_AT_ONCE = 16 };

    if (folder->fd >= 0)
        nftw(arena_printf(arena, "%.*s/.%s", SLICE_ARG(root), folder->name).p, remove_entry,
             OPEN_MAX_AT_ONCE, FTW_DEPTH | FTW_PHYS);
}

void backup_folder_close(struct backup_folder *folder)
{
    const int fds[] = {folder->root, folder->fd, folder->before};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

struct slice backup_folder_find(struct arena *arena, struct slice path)
{
    int root = open_folder(AT_FDCWD, arena_cstr(arena, path));
    struct slice found = SLICE_NONE;
    const char *name;

    if (root < 0)
        return SLICE_NONE;
    if (faccessat(root, DESCRIPTION, F_OK, 0) == 0)
        found = path;
    else if ((name = newest(arena, root)))
        found = arena_printf(arena, "%.*s/%s", SLICE_ARG(path), name);
    close(root);
    return found;
}

/* -- Small files ------------------------------------------------------------------------------ */

static bool copy_file(int from, int to_at, const char *name)
{
    char bytes[2048];
    int to = openat(to_at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool fine = to >= 0;
    ssize_t n = 0;

    while (fine && (n = read(from, bytes, sizeof bytes)) > 0)
        fine = write(to, bytes, (size_t)n) == n;
    if (to >= 0)
        close(to);
    return fine && n == 0;
}

static bool copy_entry(int from_at, const char *name, int to_at, const char *new_name,
                       unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep */
static bool copy_folder(int from, int to_at, const char *name, unsigned depth)
{
    int to = make_folder(to_at, name) ? open_folder(to_at, name) : -1;
    int again = to >= 0 ? dup(from) : -1;
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    bool fine = dir && depth < DEPTH_MAX;

    for (const struct dirent *entry = fine ? readdir(dir) : NULL; entry && fine;
         entry = readdir(dir))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fine = copy_entry(from, entry->d_name, to, entry->d_name, depth + 1);
    if (dir)
        closedir(dir);
    if (to >= 0)
        close(to);
    return fine;
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static bool copy_entry(int from_at, const char *name, int to_at, const char *new_name,
                       unsigned depth)
{
    int from = openat(from_at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;

    if (from < 0)
        return errno == ENOENT;
    bool fine = fstat(from, &info) == 0;
    if (fine && S_ISDIR(info.st_mode))
        fine = copy_folder(from, to_at, new_name, depth);
    else if (fine && S_ISREG(info.st_mode))
        fine = copy_file(from, to_at, new_name);
    close(from);
    return fine;
}

bool backup_copy_tree(struct arena *arena, int from, const char *name, int to, const char *new_name,
                      struct slice *problem)
{
    return copy_entry(from, name, to, new_name, 0) ||
           fail(arena, problem, "cannot be copied:", name);
}
