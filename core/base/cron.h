/* cron.h: schedules in cron's notation, in UTC, and the durations that go with them. A window of a
 * schedule and a duration is open at `now` when cron_previous() gives a start and less than the
 * duration has passed since. Pure: the time is an argument. Fuzzed (tests/fuzz). */
#pragma once

#include "base/slice.h"

enum cron_field { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_FIELDS };

struct cron {
    uint64_t sets[CRON_FIELDS]; /* bit n: the value n is in the field */
    bool any[CRON_FIELDS];      /* the field says "*" or "?" */
    uint64_t every_s;           /* of "@every"; then the fields mean nothing. 0: a calendar */
};

/* "minute hour day-of-month month day-of-week", each a list of values, ranges and "*" or "?", with
 * steps: "0,30 8-18/2 * JAN-MAR MON". The last field may be left out. Sunday is 0, and 7 is
 * refused. When both kinds of day are restricted, one of them is enough. Also "@yearly",
 * "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", and "@every 1h30m": whole
 * seconds, at least one, counted from the epoch, since it has no calendar. */
bool cron_parse(struct slice text, struct cron *out);

/* As Go writes it: "1h30m", "90s", "1.5h", with ns, us, ms, s, m and h. Rounded down; at least
 * 1 ms. */
bool duration_parse(struct slice text, uint64_t *ms);

#define CRON_TIME_MAX_S UINT64_C(253402300799) /* the end of the year 9999; past it is no start */

/* The latest start at or before unix_s. 0: none within 5 years. */
uint64_t cron_previous(const struct cron *cron, uint64_t unix_s);
