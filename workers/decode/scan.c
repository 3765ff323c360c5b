#include "decode/scan.h"

#include "decode/bytes.h"

#include <string.h>

bool scan_step(struct scan *scan)
{
    if (++scan->steps > SCAN_STEPS)
        scan->broken = true;
    return !scan->broken;
}

uint64_t scan_number(struct scan *scan, uint64_t at, unsigned width, bool little_endian)
{
    if (!scan_holds(scan, at, width)) {
        scan->broken = true;
        return 0;
    }
    return bytes_number(scan->file.p + at, width, little_endian);
}

bool scan_is(const struct scan *scan, uint64_t at, struct slice bytes)
{
    return scan_holds(scan, at, bytes.n) && memcmp(scan->file.p + at, bytes.p, bytes.n) == 0;
}

struct slice scan_slice(const struct scan *scan, struct span span)
{
    if (span.at >= scan->file.n)
        return SLICE("");
    if (span.n > scan->file.n - span.at)
        span.n = scan->file.n - span.at;
    return (struct slice){scan->file.p + span.at, span.n};
}

static bool says_at(struct slice text, size_t at, struct slice word)
{
    return text.n - at >= word.n && slice_eq_nocase((struct slice){text.p + at, word.n}, word);
}

bool scan_says(struct slice text, const char *const *words)
{
    for (; *words; words++)
        for (size_t at = 0; at < text.n; at++)
            if (says_at(text, at, slice_from(*words)))
                return true;
    return false;
}
