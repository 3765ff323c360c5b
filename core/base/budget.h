/* budget.h: a time that grows with what there is to do. Pure. */
#pragma once

#include <stdint.h>

struct budget {
    uint64_t start_ms; /* whatever there is to do */
    uint64_t per_s;    /* units that are done in a second; not 0 */
    uint64_t most_ms;
};

#define BUDGET(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

uint64_t budget_ms(const struct budget *budget, uint64_t units);
