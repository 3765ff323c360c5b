#include "base/budget.h"

enum { MS_PER_S = 1000 };

uint64_t budget_ms(const struct budget *budget, uint64_t units)
{
    uint64_t whole_s = units / budget->per_s, rest = units % budget->per_s;

    if (whole_s >= budget->most_ms / MS_PER_S + 1)
        return budget->most_ms;
    uint64_t ms = budget->start_ms + whole_s * MS_PER_S + rest * MS_PER_S / budget->per_s;
    return ms < budget->most_ms ? ms : budget->most_ms;
}
