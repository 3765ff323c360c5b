#include "decode/when.h"

#include <time.h>

static const int64_t last_second = 253402300799; /* of the year 9999, which a western zone passes */

static bool digits(struct slice *s, size_t n, int *out)
{
    uint64_t value;

    if (s->n < n || !slice_to_u64((struct slice){s->p, n}, &value))
        return false;
    *s = slice_from_offset(*s, n);
    *out = (int)value;
    return true;
}

static bool mark(struct slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = slice_from_offset(*s, 1);
    return true;
}

static void skip_fraction(struct slice *s)
{
    if (!mark(s, '.'))
        return;
    while (s->n && s->p[0] >= '0' && s->p[0] <= '9')
        *s = slice_from_offset(*s, 1);
}

static bool zone(struct slice s, int *seconds)
{
    int hours, minutes;
    bool west = s.n && s.p[0] == '-';

    *seconds = 0;
    if (s.n == 0 || (s.n == 1 && s.p[0] == 'Z'))
        return true;
    if ((!mark(&s, '+') && !mark(&s, '-')) || !digits(&s, 2, &hours))
        return false;
    mark(&s, ':');
    if (!digits(&s, 2, &minutes) || s.n || hours > 15 || minutes > 59)
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

static bool in_range(const struct tm *tm)
{
    return tm->tm_year >= 1970 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
           tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

bool when_parse(struct slice s, char separator, struct slice offset, uint64_t *unix_ms)
{
    struct tm tm = {0};
    int offset_s;

    if (!digits(&s, 4, &tm.tm_year) || !mark(&s, separator) || !digits(&s, 2, &tm.tm_mon) ||
        !mark(&s, separator) || !digits(&s, 2, &tm.tm_mday) || (!mark(&s, ' ') && !mark(&s, 'T')) ||
        !digits(&s, 2, &tm.tm_hour) || !mark(&s, ':') || !digits(&s, 2, &tm.tm_min) ||
        !mark(&s, ':') || !digits(&s, 2, &tm.tm_sec) || !in_range(&tm))
        return false;
    skip_fraction(&s);
    if (!zone(s.n ? s : offset, &offset_s))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int day = tm.tm_mday;
    int64_t seconds = (int64_t)timegm(&tm) - offset_s;
    if (seconds < 0 || seconds > last_second ||
        tm.tm_mday != day) /* the 31st of a shorter month rolled over */
        return false;
    *unix_ms = (uint64_t)seconds * 1000;
    return true;
}
