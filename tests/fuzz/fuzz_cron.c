/* Any bytes as a schedule. The first five choose the time, up to past the year 9999: the start
 * before it is one itself, there is none in between, and the one before that is earlier. */
#include "fuzz.h"

#include "base/cron.h"

#include <assert.h>

enum { TIME_BYTES = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct cron cron;
    uint64_t now = 0, ms;

    if (n < TIME_BYTES)
        return 0;
    for (size_t i = 0; i < TIME_BYTES; i++)
        now = now << 8 | bytes[i];
    struct slice text = {(const char *)bytes + TIME_BYTES, n - TIME_BYTES};

    if (duration_parse(text, &ms))
        assert(ms > 0);
    if (!cron_parse(text, &cron))
        return 0;
    uint64_t previous = cron_previous(&cron, now);

    assert(previous <= now);
    if (!previous)
        return 0;
    assert(cron_previous(&cron, previous) == previous);
    assert(cron_previous(&cron, previous + (now - previous) / 2) == previous);
    assert(cron_previous(&cron, previous - 1) < previous);
    return 0;
}
