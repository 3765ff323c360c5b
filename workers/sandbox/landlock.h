/* landlock.h: the kernel's Landlock, by system call: Debian 12 has no library for it. Source:
 * Documentation/userspace-api/landlock.rst. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    LANDLOCK_EXECUTE = 1 << 0,
    LANDLOCK_WRITE_FILE = 1 << 1,
    LANDLOCK_READ_FILE = 1 << 2,
    LANDLOCK_READ_DIR = 1 << 3,
    LANDLOCK_TRUNCATE = 1 << 14,
};

/* Starts a set of rules that forbids everything that this kernel can forbid. abi: 0 and -1 as
 * result when there is no Landlock. */
int landlock_begin(unsigned *abi);
/* Everything about files alone. */
int landlock_begin_files(unsigned *abi);
/* Allows something (LANDLOCK_*) below an open folder or on an open file. */
void landlock_allow(int ruleset, unsigned abi, int beneath, uint64_t what);
void landlock_allow_path(int ruleset, unsigned abi, const char *path, uint64_t what);
bool landlock_enforce(int ruleset); /* closes the set; needs no_new_privs */
