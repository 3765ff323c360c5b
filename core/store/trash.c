#include "store/trash.h"

#include "base/log.h"
#include "store/layout.h"
#include "store/store_errno.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FOLDER_PATH_MAX = 96, NAME_MAX_BYTES = 62 };

/* Calls fn for each file in a folder that holds only files; a missing folder has none. */
static void for_each_file(struct store *store, const char *folder,
                          void (*fn)(struct store *store, const char *name, void *arg), void *arg)
{
    int fd = openat(store_fd(store), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            fn(store, entry->d_name, arg);
    closedir(dir);
}

static void join(char out[LAYOUT_PATH_MAX], const char *folder, const char *name)
{
    snprintf(out, LAYOUT_PATH_MAX, "%.*s/%.*s", FOLDER_PATH_MAX, folder, NAME_MAX_BYTES, name);
}

static void remove_file(struct store *store, const char *name, void *arg)
{
    char path[LAYOUT_PATH_MAX];

    join(path, arg, name);
    store_incoming_remove(store, path);
}

static void remove_folder(struct store *store, char *folder)
{
    for_each_file(store, folder, remove_file, folder);
    if (unlinkat(store_fd(store), folder, AT_REMOVEDIR) != 0 && errno != ENOENT)
        store_errno("rmdir", errno);
}

/* -- Putting ---------------------------------------------------------------------------------- */

static bool used_since(struct store *store, const char *path, uint64_t since_ms)
{
    struct stat info;

    return fstatat(store_fd(store), path, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           store_time_ms(&info.st_mtim) >= since_ms;
}

static void put_variants(struct store *store, struct slice sha256_hex)
{
    char from[LAYOUT_PATH_MAX], to[LAYOUT_PATH_MAX];

    layout_variants(from, sha256_hex);
    layout_trashed_variants(to, sha256_hex);
    if (renameat(store_fd(store), from, store_fd(store), to) == 0)
        return;
    if (errno == ENOTEMPTY || errno == EEXIST) { /* of an earlier time; these are the newer ones */
        remove_folder(store, to);
        if (renameat(store_fd(store), from, store_fd(store), to) == 0)
            return;
    }
    if (errno != ENOENT)
        store_errno("rename", errno);
}

enum err trash_put(struct store *store, struct slice sha256_hex, uint64_t unused_since_ms)
{
    char blob[LAYOUT_PATH_MAX], trashed[LAYOUT_PATH_MAX];

    layout_blob(blob, sha256_hex);
    layout_trashed_blob(trashed, sha256_hex);
    if (used_since(store, blob, unused_since_ms))
        return ERR_CONFLICT;
    if (renameat(store_fd(store), blob, store_fd(store), trashed) != 0 && errno != ENOENT)
        return store_errno("rename", errno);
    put_variants(store, sha256_hex);
    /* An upload of the same content marks the blob as used first, and then relies on it. */
    if (!used_since(store, trashed, unused_since_ms))
        return OK;
    trash_restore(store, sha256_hex);
    return ERR_CONFLICT;
}

/* -- Bringing back ---------------------------------------------------------------------------- */

struct way {
    const char *from, *to;
};

static bool move_back(struct store *store, const char *from, const char *to)
{
    if (renameat2(store_fd(store), from, store_fd(store), to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EEXIST)
        unlinkat(store_fd(store), from, 0);
    else if (errno != ENOENT)
        store_errno("rename", errno);
    return false;
}

static void restore_file(struct store *store, const char *name, void *arg)
{
    const struct way *way = arg;
    char from[LAYOUT_PATH_MAX], to[LAYOUT_PATH_MAX];

    join(from, way->from, name);
    join(to, way->to, name);
    move_back(store, from, to);
}

static void restore_variants(struct store *store, struct slice sha256_hex)
{
    char from[LAYOUT_PATH_MAX], to[LAYOUT_PATH_MAX];
    struct way way = {from, to};

    layout_trashed_variants(from, sha256_hex);
    layout_variants(to, sha256_hex);
    if (faccessat(store_fd(store), from, F_OK, 0) != 0)
        return;
    if (mkdirat(store_fd(store), to, FOLDER_MODE) != 0 && errno != EEXIST) {
        store_errno("mkdir", errno);
        return;
    }
    for_each_file(store, from, restore_file, &way);
    remove_folder(store, from);
}

bool trash_restore(struct store *store, struct slice sha256_hex)
{
    char blob[LAYOUT_PATH_MAX], trashed[LAYOUT_PATH_MAX];

    layout_blob(blob, sha256_hex);
    layout_trashed_blob(trashed, sha256_hex);
    bool restored = move_back(store, trashed, blob);
    restore_variants(store, sha256_hex);
    if (restored)
        log_event(LOG_WARN, "blob_restored", F("sha256", sha256_hex));
    return restored;
}

void trash_purge(struct store *store, struct slice sha256_hex)
{
    char path[LAYOUT_PATH_MAX];

    layout_trashed_blob(path, sha256_hex);
    store_incoming_remove(store, path);
    layout_trashed_variants(path, sha256_hex);
    remove_folder(store, path);
}
