#include "supervisor/data_folder.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 3000, LOCK_LOOK_MS = 20 };

static bool make_folder(const char *path)
{
    struct stat st;

    return mkdir(path, 0700) == 0 ||
           (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Not close-on-exec: that is what hands it to Redis. The other programs close it themselves by
 * never living longer than the supervisor. */
static bool take_lock(void)
{
    const struct timespec pause = {.tv_nsec = LOCK_LOOK_MS * 1000000L};
    uint64_t until_ms = clock_ms() + LOCK_WAIT_MS;
    int fd = open("lock", O_RDWR | O_CREAT, 0600);

    if (fd < 0)
        return false;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (clock_ms() >= until_ms) {
            close(fd);
            errno = EWOULDBLOCK;
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

struct slice data_folder_enter(struct arena *arena, struct slice path, struct slice *problem)
{
    static const char *const folders[] = {"run", "redis", "redis/state", "redis/volatile"};
    char *absolute = arena_alloc(arena, PATH_MAX);
    const char *name = arena_cstr(arena, path);

    if (!make_folder(name) || access(name, R_OK | W_OK | X_OK) != 0 || chdir(name) != 0 ||
        !getcwd(absolute, PATH_MAX)) {
        *problem = arena_printf(arena, "the data folder %s cannot be used: %s", name,
                                strerror(errno == EEXIST ? ENOTDIR : errno));
        return SLICE_NONE;
    }
    if (!take_lock()) {
        *problem = errno == EWOULDBLOCK
                       ? arena_printf(arena, "another hub is running on the data folder %s", name)
                       : arena_printf(arena, "the data folder %s cannot be locked: %s", name,
                                      strerror(errno));
        return SLICE_NONE;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (!make_folder(folders[i])) {
            *problem =
                arena_printf(arena, "%s/%s cannot be made: %s", name, folders[i], strerror(errno));
            return SLICE_NONE;
        }
    }
    return slice_from(absolute);
}
