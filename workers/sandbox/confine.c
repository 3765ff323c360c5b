#include "sandbox/confine.h"

#include "base/fault.h"
#include "base/slice.h"
#include "sandbox/landlock.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- Powers (capabilities(7)) ----------------------------------------------------------------- */

#define BIT(capability) (1U << (capability))

/* To open what is root's, to give a file to its owner, and to let ffmpeg read an original
 * (workers/reader.h). All are among the first 32. */
static const uint32_t kept = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER);
static const uint32_t needed_before = BIT(CAP_SETUID) | BIT(CAP_SETGID);

struct powers {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
};

static bool has_powers(uint32_t wanted)
{
    struct powers powers = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};

    return syscall(SYS_capget, &powers.header, powers.data) == 0 &&
           (powers.data[0].permitted & wanted) == wanted;
}

static bool keep_powers(void)
{
    struct powers powers = {.header = {.version = _LINUX_CAPABILITY_VERSION_3},
                            .data = {{.effective = kept, .permitted = kept}}};

    return syscall(SYS_capset, &powers.header, powers.data) == 0;
}

bool confine_possible(int file, uid_t uid)
{
    struct stat was;

    return has_powers(kept | needed_before) && fstat(file, &was) == 0 &&
           fchown(file, uid, (gid_t)-1) == 0 && fchown(file, was.st_uid, (gid_t)-1) == 0;
}

static bool change_user(const struct confine *confine)
{
    int death_signal = 0;
    pid_t parent = getppid();

    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(confine->gid, confine->gid, confine->gid) != 0 ||
        setresuid(confine->uid, confine->uid, confine->uid) != 0 || !keep_powers())
        return false;
    /* Which the change has forgotten. */
    prctl(PR_SET_PDEATHSIG, death_signal);
    if (death_signal && getppid() != parent)
        raise(death_signal);
    return true;
}

/* -- Files ------------------------------------------------------------------------------------ */

/* Since this version files may be moved from folder to folder (LANDLOCK_ACCESS_FS_REFER), as they
 * are from incoming/. */
enum { LEAST_LANDLOCK = 2 };
static const uint64_t EVERYTHING = UINT64_MAX;

static void allow_search_path(int rules, unsigned abi)
{
    struct slice folders = slice_from(getenv("PATH")), folder;

    while (folders.n && slice_split(folders, ':', &folder, &folders)) {
        char path[512];

        snprintf(path, sizeof(path), "%.*s", SLICE_ARG(folder));
        landlock_allow_path(rules, abi, path,
                            LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE);
    }
}

/* What it starts has to be found in this too: rules are handed down. */
static unsigned confine_files(const struct confine *confine)
{
    static const char *const code[] = {"/usr", "/lib", "/lib64"};
    static const char *const readable[] = {"/proc" /* how much children take */,
                                           "/etc/ld.so.cache",
                                           "/etc/hosts",
                                           "/etc/resolv.conf",
                                           "/etc/nsswitch.conf",
                                           "/etc/host.conf",
                                           "/etc/gai.conf",
                                           "/dev/urandom"};
    unsigned abi;
    int rules = landlock_begin_files(&abi);

    if (abi < LEAST_LANDLOCK) {
        if (rules >= 0)
            close(rules);
        return 0;
    }
    for (size_t i = 0; i < sizeof(code) / sizeof(*code); i++)
        landlock_allow_path(rules, abi, code[i],
                            LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE);
    for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
        landlock_allow_path(rules, abi, readable[i], LANDLOCK_READ_FILE | LANDLOCK_READ_DIR);
    allow_search_path(rules, abi);
    landlock_allow_path(rules, abi, confine->programs,
                        LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE);
    landlock_allow_path(rules, abi, "/dev/null", LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE);
    landlock_allow_path(rules, abi, confine->store, EVERYTHING);
    const char *faults = fault_folder();
    if (faults)
        landlock_allow_path(rules, abi, faults, EVERYTHING);
    return landlock_enforce(rules) ? abi : 0;
}

/* -- Calls ------------------------------------------------------------------------------------ */

/* Landlock does not look at these: by a file's name they would reach any. fchown() and fchmod()
 * reach what could be opened. */
static const int by_name[] = {
    SCMP_SYS(chmod),        SCMP_SYS(fchmodat),
    SCMP_SYS(chown),        SCMP_SYS(lchown),
    SCMP_SYS(fchownat),     SCMP_SYS(utime),
    SCMP_SYS(utimes),       SCMP_SYS(futimesat),
    SCMP_SYS(utimensat),    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr), 452 /* fchmodat2, of Linux 6.6 */,
};

static bool confine_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool fine = filter != NULL;

    for (size_t i = 0; fine && i < sizeof(by_name) / sizeof(*by_name); i++)
        fine = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), by_name[i], 0) == 0;
    fine = fine && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return fine;
}

bool confine_enter(const struct confine *confine, struct sandbox_level *level)
{
    *level = (struct sandbox_level){0};
    if (!change_user(confine))
        return false;
    level->no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    level->landlock = confine_files(confine);
    level->seccomp = confine_calls();
#if defined(__SANITIZE_ADDRESS__)
    prctl(PR_SET_DUMPABLE, 1); /* LeakSanitizer looks at it as a debugger would */
#endif
    return true;
}
