#include "store/walk.h"

#include "base/memory.h"
#include "store/layout.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 3 };

/* Open folders from the area's down to the one being read. */
struct store_walk {
    struct store *store;
    DIR *dirs[DEPTH_MAX];
    unsigned depth;  /* of the open ones */
    unsigned levels; /* at which the entries are */
};

static const struct {
    const char *folder;
    unsigned levels;
} areas[STORE_AREAS] = {
    [STORE_BLOBS] = {"blobs", 3},
    [STORE_VARIANTS] = {"variants", 1},
    [STORE_TRASH] = {"trash", 1},
};

/* A folder that is gone is passed over. */
static void enter(struct store_walk *walk, int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir)
        walk->dirs[walk->depth++] = dir;
    else if (fd >= 0)
        close(fd);
}

struct store_walk *store_walk_open(struct store *store, enum store_area area)
{
    struct store_walk *walk = MEM_NEW(struct store_walk);

    assert(area < STORE_AREAS);
    *walk = (struct store_walk){.store = store, .levels = areas[area].levels};
    enter(walk, store_fd(store), areas[area].folder);
    return walk;
}

void store_walk_close(struct store_walk *walk)
{
    if (!walk)
        return;
    while (walk->depth)
        closedir(walk->dirs[--walk->depth]);
    mem_free(walk);
}

static bool take(int at, const char *name, struct store_entry *entry)
{
    size_t n = strlen(name);
    struct stat info;

    if (n > SHA256_HEX && strcmp(name + SHA256_HEX, LAYOUT_TRASHED_VARIANTS) == 0)
        n = SHA256_HEX;
    if (n != SHA256_HEX)
        return false;
    memcpy(entry->hex, name, n);
    entry->hex[n] = '\0';
    if (!layout_is_hash(slice_from(entry->hex)) ||
        fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    entry->size = (uint64_t)info.st_size;
    entry->changed_ms = store_time_ms(&info.st_mtim);
    entry->moved_ms = store_time_ms(&info.st_ctim);
    return true;
}

size_t store_walk_next(struct store_walk *walk, struct store_entry *entries, size_t max)
{
    size_t n = 0;

    while (n < max && walk->depth) {
        DIR *dir = walk->dirs[walk->depth - 1];
        const struct dirent *entry = readdir(dir);

        if (!entry) {
            closedir(dir);
            walk->depth--;
        } else if (walk->depth < walk->levels) {
            if (entry->d_name[0] != '.')
                enter(walk, dirfd(dir), entry->d_name);
        } else {
            n += take(dirfd(dir), entry->d_name, &entries[n]);
        }
    }
    return n;
}
