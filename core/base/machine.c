#include "base/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

/* Of version 2 of cgroups, which libuv does not look at; "max" there is no number. */
static uint64_t group_limit(void)
{
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    uint64_t limit = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%" SCNu64, &limit) != 1)
        limit = 0;
    fclose(file);
    return limit;
}

uint64_t machine_memory(void)
{
    uint64_t memory = uv_get_total_memory();
    const uint64_t limits[] = {uv_get_constrained_memory(), group_limit()};

    for (unsigned i = 0; i < 2; i++)
        if (limits[i] && limits[i] < memory)
            memory = limits[i];
    return memory;
}
