/* when.h: times as cameras, phones and programs write them. */
#pragma once

#include "base/slice.h"

struct when {
    struct slice text;     /* date, and mostly time, fraction and zone */
    struct slice fraction; /* digits behind the second, where they stand apart; or empty */
    struct slice zone;     /* likewise; counts when the text has none */
};

/* "2020:01:24 23:11:52" (EXIF), "2019-12-20T16:08:40.000000Z" (QuickTime), "1955-07" (XMP), with
 * ':', '-', '/', '.' or a blank between the numbers; the zone is "Z", "+03:00", "+0300" or "+03",
 * another one in `zone` is as none, and without one the clock on the wall is taken for UTC, which
 * keeps its face. Years 1800 to 9999: what is before the first photo is a clock that was never set.
 * False for all else, zeros and blanks too. */
bool when_parse(const struct when *when, int64_t *unix_ms);
