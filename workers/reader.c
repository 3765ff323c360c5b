#include "workers/reader.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_NAME "mediahub-worker"

enum { USUAL_ID = 61000, ID_MAX = INT32_MAX }; /* of a range that nobody hands out on Debian */

static bool take_number(struct slice setting, struct reader_user *out)
{
    uint64_t number;

    if (!slice_to_u64(setting, &number) || number > ID_MAX)
        return false;
    *out = (struct reader_user){number != 0, (uid_t)number, (gid_t)number};
    return true;
}

static bool take_name(struct slice name, struct reader_user *out)
{
    struct arena *arena = arena_new();
    const struct passwd *user = getpwnam(arena_cstr(arena, name));

    if (user)
        *out = (struct reader_user){user->pw_uid != 0, user->pw_uid, user->pw_gid};
    arena_free(arena);
    return user;
}

bool reader_user_find(struct slice setting, struct reader_user *out, const char **problem)
{
    *out = (struct reader_user){false, 0, 0};
    if (geteuid() != 0)
        return true;
    if (setting.n == 0) {
        if (!take_name(SLICE(USUAL_NAME), out))
            *out = (struct reader_user){true, USUAL_ID, USUAL_ID};
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

void reader_user_take_back(const struct reader_user *user, int output)
{
    if (fchown(output, geteuid(), (gid_t)-1) != 0)
        return; /* root can */
}
