#include "decode/when.h"

#include <string.h>
#include <time.h>

enum { FIRST_YEAR = 1800 };

static const int64_t last_second = 253402300799; /* of the year 9999, which a western zone passes */

static bool mark(struct slice *s, const char *any)
{
    if (s->n == 0 || !s->p[0] || !strchr(any, s->p[0]))
        return false;
    *s = slice_from_offset(*s, 1);
    return true;
}

static bool is_digit(struct slice s)
{
    return s.n && s.p[0] >= '0' && s.p[0] <= '9';
}

static int digit(struct slice *s)
{
    int value = s->p[0] - '0';

    *s = slice_from_offset(*s, 1);
    return value;
}

static bool digits(struct slice *s, size_t n, int *out)
{
    *out = 0;
    for (; n; n--) {
        if (!is_digit(*s))
            return false;
        *out = *out * 10 + digit(s);
    }
    return true;
}

/* One or two digits; cameras write " 7" as well. */
static bool pair(struct slice *s, int *out)
{
    mark(s, " ");
    if (!is_digit(*s))
        return false;
    *out = digit(s);
    if (is_digit(*s))
        *out = *out * 10 + digit(s);
    return true;
}

static bool is_blank(char c)
{
    return c >= 0 && c <= ' ';
}

/* Blanks, ends of lines and NULs. */
static struct slice trim(struct slice s)
{
    while (s.n && is_blank(s.p[0]))
        s = slice_from_offset(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static int milliseconds(struct slice *s)
{
    int value = 0;

    for (int unit = 100; is_digit(*s); unit /= 10)
        value += digit(s) * unit;
    return value;
}

/* Empty: none, and UTC. */
static bool zone(struct slice s, int *seconds)
{
    int hours, minutes = 0;
    bool west = s.n && s.p[0] == '-';

    *seconds = 0;
    if (s.n == 0 || slice_eq_nocase(s, SLICE("Z")) || slice_eq_nocase(s, SLICE("UTC")))
        return true;
    if (!mark(&s, "+-"))
        return false;
    if (!digits(&s, s.n > 1 && s.p[1] == ':' ? 1 : 2, &hours))
        return false;
    mark(&s, ":");
    if ((s.n && !digits(&s, 2, &minutes)) || s.n || hours > 15 || minutes > 59)
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

/* What XMP lets be absent is the first of its kind: "1955" is new year's midnight. */
static bool date(struct slice *s, struct tm *tm)
{
    static const char between[] = ":-/. ";

    tm->tm_mon = tm->tm_mday = 1;
    if (!digits(s, 4, &tm->tm_year))
        return false;
    if (s->n == 0)
        return true;
    if (!mark(s, between) || !pair(s, &tm->tm_mon))
        return false;
    return s->n == 0 || (mark(s, between) && pair(s, &tm->tm_mday));
}

/* Seconds may be absent (XMP). */
static bool hour(struct slice *s, struct tm *tm, int *ms)
{
    static const char between[] = ":.- ";

    if (!pair(s, &tm->tm_hour) || !mark(s, between) || !pair(s, &tm->tm_min))
        return false;
    if (s->n < 2 || !strchr(between, s->p[0]) || !strchr("0123456789 ", s->p[1]))
        return true;
    if (s->p[0] == '-' && s->n > 3) /* a zone */
        return true;
    mark(s, between);
    if (!pair(s, &tm->tm_sec))
        return false;
    if (mark(s, ".,"))
        *ms = milliseconds(s);
    return true;
}

/* Of a clock with twelve hours; empty in one of twenty-four. */
static void half_of_day(struct slice *s, struct tm *tm)
{
    *s = trim(*s);
    struct slice head = {s->p, 2};
    if (s->n < 2 || tm->tm_hour > 12 ||
        (!slice_eq_nocase(head, SLICE("AM")) && !slice_eq_nocase(head, SLICE("PM"))))
        return;
    tm->tm_hour = tm->tm_hour % 12 + (*head.p == 'P' || *head.p == 'p' ? 12 : 0);
    *s = slice_from_offset(*s, 2);
}

static bool in_range(const struct tm *tm)
{
    return tm->tm_year >= FIRST_YEAR && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
           tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* False also for the 31st of a shorter month, which would roll over. */
static bool to_seconds(struct tm tm, int offset_s, int64_t *seconds)
{
    int day = tm.tm_mday;

    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *seconds = (int64_t)timegm(&tm) - offset_s;
    return *seconds <= last_second && tm.tm_mday == day;
}

/* A leap second is the first of the next minute, which may be of another day. */
bool when_parse(const struct when *when, int64_t *unix_ms)
{
    struct slice s = trim(when->text), fraction = trim(when->fraction);
    struct tm tm = {0};
    int offset_s, ms = milliseconds(&fraction);
    int64_t seconds;

    if (!date(&s, &tm))
        return false;
    if (s.n && (!mark(&s, " T:-") || !hour(&s, &tm, &ms)))
        return false;
    half_of_day(&s, &tm);
    s = trim(s);
    if (s.n && !zone(s, &offset_s))
        return false;
    if (!s.n)
        zone(trim(when->zone), &offset_s);
    int leap = tm.tm_sec == 60;
    tm.tm_sec -= leap;
    if (!in_range(&tm) || !to_seconds(tm, offset_s, &seconds))
        return false;
    seconds += leap;
    if (seconds > last_second)
        return false;
    *unix_ms = seconds * 1000 + ms;
    return true;
}
