#include "state/redis_value.h"

struct slice redis_field(const struct redis_value *list, struct slice field)
{
    for (size_t i = 0; list->type == REDIS_LIST && i + 1 < list->n; i += 2)
        if (slice_eq(list->items[i].text, field))
            return list->items[i + 1].text;
    return SLICE_NONE;
}
