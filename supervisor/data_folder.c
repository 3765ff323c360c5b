#include "supervisor/data_folder.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MARK "mediahub"
#define MARK_LINE "mediahub data 1\n"
#define MARK_WORDS "mediahub data "

enum { LOCK_WAIT_MS = 3000, LOCK_LOOK_MS = 20, FOLDER_MODE = 0700, FILE_MODE = 0600 };

/* What may lie in a data folder before a hub has ever been there. */
static const char *const brought_along[] = {
    ".",   "..",  "lost+found", "backup-repository", "store", "hub.key", "hub.ini",
    "tls", "run", "lock",       MARK ".new",
};

static bool make_folder(const char *path)
{
    struct stat st;

    return mkdir(path, FOLDER_MODE) == 0 ||
           (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Not close-on-exec: that is what hands it to Redis. The other programs close it themselves by
 * never living longer than the supervisor. */
static bool take_lock(uint64_t wait_ms)
{
    const struct timespec pause = {.tv_nsec = LOCK_LOOK_MS * 1000000L};
    uint64_t until_ms = clock_ms() + wait_ms;
    int fd = open("lock", O_RDWR | O_CREAT, FILE_MODE);

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

/* -- Whose it is: all of it in the current folder ---------------------------------------------- */

enum holding { HOLDS_NOTHING, HOLDS_OURS, HOLDS_OLD, HOLDS_NEWER, HOLDS_OTHER };

static enum holding read_mark(void)
{
    char text[64];
    int fd = open(MARK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    struct slice mark = {text, n > 0 ? (size_t)n : 0};

    if (fd < 0)
        return errno == ENOENT ? HOLDS_NOTHING : HOLDS_OTHER;
    close(fd);
    if (slice_eq(mark, SLICE(MARK_LINE)))
        return HOLDS_OURS;
    return slice_starts_with(mark, SLICE(MARK_WORDS)) ? HOLDS_NEWER : HOLDS_OTHER;
}

static bool is_brought_along(const char *name)
{
    for (size_t i = 0; i < sizeof brought_along / sizeof *brought_along; i++)
        if (strcmp(name, brought_along[i]) == 0)
            return true;
    return false;
}

static bool has_other_files(void)
{
    DIR *dir = opendir(".");
    bool found = !dir;

    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry && !found;
         entry = readdir(dir))
        found = !is_brought_along(entry->d_name);
    if (dir)
        closedir(dir);
    return found;
}

static enum holding look(void)
{
    enum holding found = read_mark();

    if (found != HOLDS_NOTHING)
        return found;
    if (access("redis/state", F_OK) == 0)
        return HOLDS_OLD;
    return has_other_files() ? HOLDS_OTHER : HOLDS_NOTHING;
}

static bool write_mark(void)
{
    int fd = open(MARK ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    const ssize_t n = sizeof MARK_LINE - 1;

    if (fd < 0)
        return false;
    bool fine = write(fd, MARK_LINE, (size_t)n) == n && fsync(fd) == 0;
    close(fd);
    return fine && rename(MARK ".new", MARK) == 0;
}

/* Looked at before whose it is: nobody is told to take over, or to close, a folder of others. */
static bool is_no_other(struct arena *arena, const char *name, struct slice *problem)
{
    if (look() != HOLDS_OTHER)
        return true;
    *problem = arena_printf(arena,
                            "the folder %s is not empty, and what it holds is no hub's data: "
                            "name an empty one with --data",
                            name);
    return false;
}

static struct slice name_of(struct arena *arena, uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    return entry ? arena_dup(arena, slice_from(entry->pw_name))
                 : arena_printf(arena, "user %u", (unsigned)uid);
}

static bool is_private(struct arena *arena, const char *name, struct slice *problem)
{
    struct stat st;

    if (stat(".", &st) != 0) {
        *problem =
            arena_printf(arena, "the data folder %s cannot be read: %s", name, strerror(errno));
        return false;
    }
    if (st.st_uid != geteuid()) {
        struct slice owner = name_of(arena, st.st_uid);

        *problem =
            arena_printf(arena,
                         "the data folder %s belongs to %.*s, who can read and change "
                         "everything in it: do this as %.*s, or, if no hub of his runs on "
                         "it, take it over: chown -R %u '%s'",
                         name, SLICE_ARG(owner), SLICE_ARG(owner), (unsigned)geteuid(), name);
        return false;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        *problem = arena_printf(arena,
                                "the data folder %s is open to other users of this machine (mode "
                                "%04o): chmod 700 '%s'",
                                name, (unsigned)st.st_mode & 07777, name);
        return false;
    }
    return true;
}

static bool is_ours(struct arena *arena, const char *name, bool may_be_new, struct slice *problem)
{
    enum holding found = look();

    if (found == HOLDS_NEWER) {
        *problem = arena_printf(
            arena, "the data folder %s is of a newer version of Mediahub: run that one", name);
        return false;
    }
    if (found == HOLDS_NOTHING && !may_be_new) {
        *problem = arena_printf(arena, "there is no hub's data in %s", name);
        return false;
    }
    if (found != HOLDS_OURS && !write_mark()) {
        *problem =
            arena_printf(arena, "the data folder %s cannot be written: %s", name, strerror(errno));
        return false;
    }
    return true;
}

/* -- Going in --------------------------------------------------------------------------------- */

static bool go_in(struct arena *arena, const char *name, char *absolute, struct slice *problem)
{
    if (access(name, R_OK | W_OK | X_OK) == 0 && chdir(name) == 0 && getcwd(absolute, PATH_MAX))
        return true;
    *problem = arena_printf(arena, "the data folder %s cannot be used: %s", name, strerror(errno));
    return false;
}

static bool make_inside(struct arena *arena, const char *name, struct slice *problem)
{
    static const char *const folders[] = {"run", "redis", "redis/state", "redis/volatile"};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (!make_folder(folders[i])) {
            *problem =
                arena_printf(arena, "%s/%s cannot be made: %s", name, folders[i], strerror(errno));
            return false;
        }
    }
    return true;
}

static bool make_here(struct arena *arena, const char *name, struct slice *problem)
{
    if (look() != HOLDS_NOTHING || access("store", F_OK) == 0) {
        *problem =
            arena_printf(arena, "there is something in %s already: name an empty folder", name);
        return false;
    }
    return is_private(arena, name, problem) && is_ours(arena, name, true, problem) &&
           make_inside(arena, name, problem);
}

struct slice data_folder_make(struct arena *arena, struct slice path, struct slice *problem)
{
    char *absolute = arena_alloc(arena, PATH_MAX);
    const char *name = arena_cstr(arena, path);
    int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool made = make_folder(name);

    if (!made)
        *problem = arena_printf(arena, "the folder %s cannot be made: %s", name, strerror(errno));
    made = made && go_in(arena, name, absolute, problem) && make_here(arena, name, problem);
    if (back >= 0) {
        if (fchdir(back) != 0)
            made = false;
        close(back);
    }
    return made ? slice_from(absolute) : SLICE_NONE;
}

struct slice data_folder_enter(struct arena *arena, struct slice path, struct slice *problem)
{
    char *absolute = arena_alloc(arena, PATH_MAX);
    const char *name = arena_cstr(arena, path);

    if (!make_folder(name)) {
        *problem = arena_printf(arena, "the data folder %s cannot be used: %s", name,
                                strerror(errno == EEXIST ? ENOTDIR : errno));
        return SLICE_NONE;
    }
    if (!go_in(arena, name, absolute, problem) || !is_no_other(arena, name, problem) ||
        !is_private(arena, name, problem) || !is_ours(arena, name, true, problem))
        return SLICE_NONE;
    if (!take_lock(LOCK_WAIT_MS)) {
        *problem = errno == EWOULDBLOCK
                       ? arena_printf(arena, "another hub is running on the data folder %s", name)
                       : arena_printf(arena, "the data folder %s cannot be locked: %s", name,
                                      strerror(errno));
        return SLICE_NONE;
    }
    return make_inside(arena, name, problem) ? slice_from(absolute) : SLICE_NONE;
}

/* Of a hub that is just ending nothing answers any more. */
static bool is_answering(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/state.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return answers;
}

struct slice data_folder_visit(struct arena *arena, struct slice path, bool *running,
                               struct slice *problem)
{
    char *absolute = arena_alloc(arena, PATH_MAX);
    const char *name = arena_cstr(arena, path);

    if (!go_in(arena, name, absolute, problem) || !is_no_other(arena, name, problem) ||
        !is_private(arena, name, problem) || !is_ours(arena, name, false, problem))
        return SLICE_NONE;
    *running = !take_lock(is_answering() ? 0 : LOCK_WAIT_MS);
    if (*running && errno != EWOULDBLOCK) {
        *problem =
            arena_printf(arena, "the data folder %s cannot be locked: %s", name, strerror(errno));
        return SLICE_NONE;
    }
    return *running || make_inside(arena, name, problem) ? slice_from(absolute) : SLICE_NONE;
}
