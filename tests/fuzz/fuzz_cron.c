/* Any bytes as a schedule. The first five choose the time, up to past the year 9999: the starts
 * around it lie on their sides, are starts themselves, and have none between them. */
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
    uint64_t previous = cron_previous(&cron, now), next = cron_next(&cron, now);

    assert(previous <= now && (next == 0 || next > now));
    if (previous)
        assert(cron_previous(&cron, previous) == previous);
    if (next && next <= CRON_TIME_MAX_S)
        assert(cron_previous(&cron, next) == next);
    if (previous && next) {
        uint64_t after = cron_next(&cron, previous); /* or too far from it: Feb 29, 2096 and 2104 */

        assert(after == next || after == 0);
    }
    return 0;
}
