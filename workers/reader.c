#include "workers/reader.h"

#include "base/log.h"
#include "base/process.h"
#include "sandbox/confine.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_NAME "mediahub-worker"

enum { USUAL_ID = 61000, ID_MAX = INT32_MAX }; /* of a range that nobody hands out on Debian */

static bool take_number(struct slice setting, struct reader_user *out)
{
    uint64_t number;

    if (!slice_to_u64(setting, &number) || number > ID_MAX)
        return false;
    *out = (struct reader_user){number != 0, number != 0, (uid_t)number, (gid_t)number};
    return true;
}

static bool take_name(struct slice name, struct reader_user *out)
{
    struct arena *arena = arena_new();
    const struct passwd *user = getpwnam(arena_cstr(arena, name));

    if (user)
        *out =
            (struct reader_user){user->pw_uid != 0, user->pw_uid != 0, user->pw_uid, user->pw_gid};
    arena_free(arena);
    return user;
}

bool reader_user_find(struct slice setting, struct reader_user *out, const char **problem)
{
    *out = (struct reader_user){false, false, 0, 0};
    if (geteuid() != 0)
        return true;
    if (setting.n == 0) {
        if (!take_name(SLICE(USUAL_NAME), out))
            *out = (struct reader_user){true, true, USUAL_ID, USUAL_ID};
        return true;
    }
    *problem = "workers.user names nobody of this machine";
    return take_number(setting, out) || take_name(setting, out);
}

bool reader_user_lend(const struct reader_user *user, int input, int output)
{
    enum { READ_BY_GROUP = 0640 };

    return fchown(input, (uid_t)-1, user->gid) == 0 && fchmod(input, READ_BY_GROUP) == 0 &&
           fchown(output, user->uid, (gid_t)-1) == 0;
}

void reader_user_take_back(int input, int output)
{
    struct stat original;

    if (fstat(input, &original) != 0 || fchown(output, original.st_uid, (gid_t)-1) != 0)
        return; /* who could lend it can */
}

/* Files of the store have to be given away, and back. */
static bool may_leave_root(struct store *store, uid_t uid)
{
    char path[LAYOUT_PATH_MAX];
    int fd;

    if (store_incoming_open(store, path, &fd) != OK)
        return false;
    bool may = confine_possible(fd, uid);
    close(fd);
    store_incoming_remove(store, path);
    return may;
}

static bool confine(const struct reader_user *user, struct slice store_folder)
{
    struct arena *arena = arena_new();
    struct slice programs = slice_from(process_sibling(arena, ""));
    struct confine confine = {user->uid, user->gid, arena_cstr(arena, store_folder),
                              arena_cstr(arena, programs)};
    struct sandbox_level level;
    bool fine = confine_enter(&confine, &level);

    if (fine)
        log_event(LOG_INFO, "worker_left_root", F("user", (long long)user->uid),
                  F("landlock", (long long)level.landlock), F("seccomp", level.seccomp));
    arena_free(arena);
    return fine;
}

void reader_user_become(struct reader_user *user, struct store *store, struct slice store_folder)
{
    if (!user->other)
        return;
    if (may_leave_root(store, user->uid) && confine(user, store_folder))
        user->other = false;
    else
        log_event(LOG_WARN, "worker_stays_root");
}
