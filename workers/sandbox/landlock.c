#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The structures of the kernel, spelt out: older headers lack the newer members. */
struct ruleset_attributes {
    uint64_t files;   /* since ABI 1 */
    uint64_t network; /* since ABI 4 */
    uint64_t scoped;  /* since ABI 6 */
};

struct __attribute__((packed)) path_attributes {
    uint64_t allowed;
    int32_t parent_fd;
};

enum { RULE_PATH_BENEATH = 1, CREATE_VERSION = 1 };

static uint64_t known_file_rights(unsigned abi)
{
    unsigned bits = abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16;

    return ((uint64_t)1 << bits) - 1;
}

static unsigned version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

    return version > 0 ? (unsigned)version : 0;
}

/* size: of the members that this kernel knows. */
static int begin(const struct ruleset_attributes *attributes, size_t size, unsigned *abi)
{
    int ruleset = *abi ? (int)syscall(SYS_landlock_create_ruleset, attributes, size, 0) : -1;

    if (ruleset < 0)
        *abi = 0;
    return ruleset;
}

int landlock_begin(unsigned *abi)
{
    *abi = version();
    struct ruleset_attributes all = {.files = known_file_rights(*abi)};
    size_t size = sizeof(all.files);

    if (*abi >= 4) {
        all.network = 3; /* bind and connect of TCP */
        size = 2 * sizeof(uint64_t);
    }
    if (*abi >= 6) {
        all.scoped = 3; /* abstract unix sockets and signals stay inside */
        size = sizeof(all);
    }
    return begin(&all, size, abi);
}

int landlock_begin_files(unsigned *abi)
{
    *abi = version();
    struct ruleset_attributes files = {.files = known_file_rights(*abi)};

    return begin(&files, sizeof(files.files), abi);
}

void landlock_allow(int ruleset, unsigned abi, int beneath, uint64_t what)
{
    struct path_attributes rule = {what & known_file_rights(abi), beneath};

    if (ruleset >= 0)
        syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

void landlock_allow_path(int ruleset, unsigned abi, const char *path, uint64_t what)
{
    struct stat status;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return;
    /* A rule that names folder rights for a file is refused whole. */
    if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
        what &= ~(uint64_t)LANDLOCK_READ_DIR;
    landlock_allow(ruleset, abi, fd, what);
    close(fd);
}

bool landlock_enforce(int ruleset)
{
    if (ruleset < 0)
        return false;
    bool enforced = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return enforced;
}
