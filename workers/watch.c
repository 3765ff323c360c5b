#include "workers/watch.h"

#include "base/slice.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

uint64_t watch_resident_bytes(int pid)
{
    char path[64], text[256];
    struct slice rest, size, resident;
    uint64_t pages = 0;

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
    return slice_to_u64(resident, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
