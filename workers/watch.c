#include "workers/watch.h"

#include "base/slice.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

uint64_t watch_own_bytes(int pid)
{
    char path[64], text[256];
    struct slice rest, size, resident, shared;
    uint64_t pages, not_own;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    if (n <= 0)
        return 0;
    rest = (struct slice){text, (size_t)n};
    slice_split(rest, ' ', &size, &rest);
    slice_split(rest, ' ', &resident, &rest);
    slice_split(rest, ' ', &shared, &rest);
    if (!slice_to_u64(resident, &pages) || !slice_to_u64(shared, &not_own) || not_own > pages)
        return 0;
    return (pages - not_own) * (uint64_t)sysconf(_SC_PAGESIZE);
}
