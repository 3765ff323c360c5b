/* scratch.h: a folder of its own for a test program, the loop, and a way to run a piece of
 * straight-line work to its end. */
#pragma once

#include "unit.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/task.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCRATCH_FIBERS = 400 };

static char scratch[] = "/tmp/mediahub-test-XXXXXX";

static inline int scratch_setup(void **state)
{
    log_init("test", LOG_ERROR);
    crypto_init();
    loop_init(SCRATCH_FIBERS);
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *info, int kind,
                               struct FTW *walk)
{
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    assert_true(loop_fini());
    return nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Valid until the next call. */
static inline const char *scratch_path(const char *path)
{
    static char full[512];

    snprintf(full, sizeof full, "%s/%s", scratch, path);
    return full;
}

static inline size_t scratch_count(const char *folder)
{
    DIR *dir = opendir(scratch_path(folder));
    size_t n = 0;

    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static inline void scratch_write(const char *path, struct slice bytes, time_t age_s)
{
    int fd = open(scratch_path(path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static inline struct slice scratch_read(struct arena *arena, const char *path)
{
    int fd = open(scratch_path(path), O_RDONLY);
    struct stat info;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    char *bytes = arena_alloc(arena, (size_t)info.st_size);
    assert_int_equal(read(fd, bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    return (struct slice){bytes, (size_t)info.st_size};
}

/* Returns when the loop has nothing left to do. */
static inline void run_on_fiber(task_fn *fn, void *arg)
{
    assert_true(task_spawn(fn, arg));
    uv_run(loop_get(), UV_RUN_DEFAULT);
    assert_int_equal(fiber_count(), 0);
}
