#include "base/clock.h"

#include <string.h>
#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

uint64_t clock_unix_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

static struct tm utc(int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000 - (unix_ms % 1000 < 0));
    struct tm tm;

    gmtime_r(&seconds, &tm);
    return tm;
}

static void put_digits(char *out, size_t digits, int value)
{
    while (digits--) {
        out[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

void clock_rfc3339_into(char out[CLOCK_RFC3339_BYTES], int64_t unix_ms)
{
    struct tm tm = utc(unix_ms);

    memcpy(out, "0000-00-00T00:00:00Z", CLOCK_RFC3339_BYTES);
    put_digits(out, 4, tm.tm_year + 1900);
    put_digits(out + 5, 2, tm.tm_mon + 1);
    put_digits(out + 8, 2, tm.tm_mday);
    put_digits(out + 11, 2, tm.tm_hour);
    put_digits(out + 14, 2, tm.tm_min);
    put_digits(out + 17, 2, tm.tm_sec);
}

struct slice clock_rfc3339(struct arena *arena, uint64_t unix_ms)
{
    char text[CLOCK_RFC3339_BYTES];

    clock_rfc3339_into(text, (int64_t)unix_ms);
    return arena_dup(arena, (struct slice){text, sizeof text});
}

static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct slice clock_http_date(struct arena *arena, uint64_t unix_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct tm tm = utc((int64_t)unix_ms);

    return arena_printf(arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Cuts `digits` decimal digits off the front. */
static bool take_number(struct slice *s, size_t digits, int *out)
{
    uint64_t value;

    if (s->n < digits || !slice_to_u64((struct slice){s->p, digits}, &value))
        return false;
    *out = (int)value;
    *s = slice_from_offset(*s, digits);
    return true;
}

static bool take_char(struct slice *s, char upper)
{
    if (s->n == 0 || (s->p[0] & ~0x20) != (upper & ~0x20))
        return false;
    *s = slice_from_offset(*s, 1);
    return true;
}

static bool take_exact(struct slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = slice_from_offset(*s, 1);
    return true;
}

/* ".123456": digits past the milliseconds are cut off. */
static bool take_fraction(struct slice *s, int *ms)
{
    int scale = 100;
    size_t digits = 0;

    *ms = 0;
    if (!take_exact(s, '.'))
        return true;
    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; digits++, scale /= 10) {
        *ms += (s->p[0] - '0') * scale;
        *s = slice_from_offset(*s, 1);
    }
    return digits > 0;
}

/* "Z" or "+02:00", as seconds east of Greenwich; nothing may follow. */
static bool take_zone(struct slice *s, int *east_s)
{
    int hours, minutes;

    *east_s = 0;
    if (take_char(s, 'Z'))
        return s->n == 0;
    if (s->n == 0 || (s->p[0] != '+' && s->p[0] != '-'))
        return false;
    int sign = s->p[0] == '-' ? -1 : 1;
    *s = slice_from_offset(*s, 1);
    if (!take_number(s, 2, &hours) || !take_exact(s, ':') || !take_number(s, 2, &minutes))
        return false;
    *east_s = sign * (hours * 3600 + minutes * 60);
    return s->n == 0 && hours < 24 && minutes < 60;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct slice *s, struct tm *tm)
{
    int year, month, day;

    if (!take_number(s, 4, &year) || !take_exact(s, '-') || !take_number(s, 2, &month) ||
        !take_exact(s, '-') || !take_number(s, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

/* A leap second (":60") counts as the first second of the next minute. */
static bool take_time(struct slice *s, struct tm *tm)
{
    if (!take_number(s, 2, &tm->tm_hour) || !take_exact(s, ':') ||
        !take_number(s, 2, &tm->tm_min) || !take_exact(s, ':') || !take_number(s, 2, &tm->tm_sec))
        return false;
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool parse_any_year(struct slice text, int64_t *seconds, int *ms)
{
    struct tm tm = {0};
    int east_s;

    if (!take_date(&text, &tm) || !take_char(&text, 'T') || !take_time(&text, &tm) ||
        !take_fraction(&text, ms) || !take_zone(&text, &east_s))
        return false;
    *seconds = (int64_t)timegm(&tm) - east_s;
    return true;
}

bool clock_parse_rfc3339(struct slice text, uint64_t *unix_ms)
{
    int64_t seconds;
    int ms;

    if (!parse_any_year(text, &seconds, &ms) || seconds < 0)
        return false;
    *unix_ms = (uint64_t)seconds * 1000 + (uint64_t)ms;
    return true;
}

bool clock_parse_span(struct slice text, int64_t *from_ms, int64_t *before_ms)
{
    enum { SECOND_MS = 1000, DAY_MS = 24 * 3600 * SECOND_MS };
    struct slice date = text;
    struct tm tm = {0};
    int64_t seconds;
    int ms;

    if (take_date(&date, &tm) && date.n == 0) {
        *from_ms = (int64_t)timegm(&tm) * SECOND_MS;
        *before_ms = *from_ms + DAY_MS;
        return true;
    }
    if (!parse_any_year(text, &seconds, &ms))
        return false;
    *from_ms = seconds * SECOND_MS;
    *before_ms = *from_ms + SECOND_MS;
    return true;
}

/* --- HTTP-date ---------------------------------------------------------------------------------
 */

static bool take_month(struct slice *s, int *month)
{
    for (*month = 0; *month < 12; ++*month) {
        if (slice_starts_with(*s, slice_from(months[*month]))) {
            *s = slice_from_offset(*s, 3);
            return true;
        }
    }
    return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", and with dashes and two digits of the year RFC 850's: such a
 * year is the one that is not more than 50 years ahead. */
static bool take_dated(struct slice s, struct tm *tm)
{
    char between = s.n > 2 && s.p[2] == '-' ? '-' : ' ';
    struct tm now = utc((int64_t)clock_unix_ms());

    if (!take_number(&s, 2, &tm->tm_mday) || !take_exact(&s, between) ||
        !take_month(&s, &tm->tm_mon) || !take_exact(&s, between) ||
        !take_number(&s, between == '-' ? 2 : 4, &tm->tm_year) || !take_exact(&s, ' ') ||
        !take_time(&s, tm) || !slice_eq(s, SLICE(" GMT")))
        return false;
    if (between == '-')
        tm->tm_year += now.tm_year - now.tm_year % 100;
    else
        tm->tm_year -= 1900;
    if (between == '-' && tm->tm_year > now.tm_year + 50)
        tm->tm_year -= 100;
    return true;
}

/* "Nov  6 08:49:37 1994", after the day of the week */
static bool take_asctime(struct slice s, struct tm *tm)
{
    if (!take_month(&s, &tm->tm_mon) || !take_exact(&s, ' '))
        return false;
    bool one_digit = take_exact(&s, ' ');
    if (!take_number(&s, one_digit ? 1 : 2, &tm->tm_mday) || !take_exact(&s, ' ') ||
        !take_time(&s, tm) || !take_exact(&s, ' ') || !take_number(&s, 4, &tm->tm_year))
        return false;
    tm->tm_year -= 1900;
    return s.n == 0;
}

bool clock_parse_http_date(struct slice text, uint64_t *unix_ms)
{
    struct slice day, rest;
    struct tm tm = {0};
    bool dated = slice_split(text, ',', &day, &rest) && rest.p && take_exact(&rest, ' ');

    if (!dated && (!slice_split(text, ' ', &day, &rest) || !rest.p))
        return false;
    if (!(dated ? take_dated(rest, &tm) : take_asctime(rest, &tm)) || day.n < 3)
        return false;
    if (tm.tm_mday < 1 || tm.tm_mday > month_days(tm.tm_year + 1900, tm.tm_mon + 1))
        return false;
    int64_t seconds = (int64_t)timegm(&tm);
    if (seconds < 0)
        return false;
    *unix_ms = (uint64_t)seconds * 1000;
    return true;
}
