#include "webhooks/schedule.h"

#include <assert.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, JITTER_PERCENT = 20 };

static const uint64_t delays_ms[SCHEDULE_ATTEMPTS - 1] = {
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR,
};

uint64_t schedule_hint_ms(uint64_t hint_s)
{
    return (hint_s < SCHEDULE_HINT_MAX_S ? hint_s : SCHEDULE_HINT_MAX_S) * SECOND;
}

bool schedule_next(uint64_t failures, uint64_t hint_s, uint64_t random, uint64_t *delay_ms)
{
    assert(failures > 0);
    if (failures >= SCHEDULE_ATTEMPTS)
        return false;

    uint64_t base_ms = delays_ms[failures - 1];
    uint64_t spread_ms = base_ms * JITTER_PERCENT / 100;
    uint64_t backoff_ms = base_ms - spread_ms + random % (2 * spread_ms + 1);
    uint64_t hint_ms = schedule_hint_ms(hint_s);

    *delay_ms = hint_ms > backoff_ms ? hint_ms : backoff_ms;
    return true;
}
