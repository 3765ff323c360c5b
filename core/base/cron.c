#include "base/cron.h"

#include "base/text.h"

#include <stdlib.h>
#include <time.h>

enum {
    MINUTES_PER_DAY = 24 * 60,
    DAY_S = MINUTES_PER_DAY * 60,
    HORIZON_DAYS = 5 * 366,
    STEP_MAX = 60, /* a longer step leaves every field at once */
};

/* --- reading --- */

struct field {
    unsigned low, high;
    struct slice names; /* three letters each, the first stands for `low` */
};

static const struct field fields[CRON_FIELDS] = {
    [CRON_MINUTE] = {0, 59, SLICE_INIT("")},
    [CRON_HOUR] = {0, 23, SLICE_INIT("")},
    [CRON_DAY] = {1, 31, SLICE_INIT("")},
    [CRON_MONTH] = {1, 12, SLICE_INIT("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC")},
    [CRON_WEEKDAY] = {0, 6, SLICE_INIT("SUNMONTUEWEDTHUFRISAT")},
};

static bool parse_value(const struct field *field, struct slice text, unsigned *out)
{
    uint64_t number;

    for (size_t i = 0; 3 * i < field->names.n; i++) {
        if (slice_eq_nocase(text, (struct slice){field->names.p + 3 * i, 3})) {
            *out = field->low + (unsigned)i;
            return true;
        }
    }
    if (!slice_to_u64(text, &number) || number < field->low || number > field->high)
        return false;
    *out = (unsigned)number;
    return true;
}

struct range {
    unsigned first, last, step;
    bool any;
};

/* "*", "?", "5", "5-10", each with or without "/step"; "5/step" goes to the field's end. */
static bool parse_range(const struct field *field, struct slice text, struct range *out)
{
    struct slice values, step_text, first, last;
    uint64_t step = 1;

    if (!slice_split(text, '/', &values, &step_text) || !slice_split(values, '-', &first, &last))
        return false;
    if (step_text.p && (!slice_to_u64(step_text, &step) || step == 0))
        return false;
    *out = (struct range){field->low, field->high, step < STEP_MAX ? (unsigned)step : STEP_MAX,
                          slice_eq(values, SLICE("*")) || slice_eq(values, SLICE("?"))};
    if (out->any) {
        out->any = step == 1;
        return true;
    }
    if (!parse_value(field, first, &out->first))
        return false;
    if (last.p)
        return parse_value(field, last, &out->last) && out->first <= out->last;
    if (!step_text.p)
        out->last = out->first;
    return true;
}

static bool parse_field(struct slice text, enum cron_field which, struct cron *out)
{
    struct slice rest = text, item;

    while (slice_split(rest, ',', &item, &rest)) {
        struct range range;

        if (!parse_range(&fields[which], item, &range))
            return false;
        out->any[which] |= range.any;
        for (unsigned value = range.first; value <= range.last; value += range.step)
            out->sets[which] |= (uint64_t)1 << value;
    }
    return true;
}

static struct slice take_word(struct slice *s)
{
    struct slice word;

    *s = slice_trim(*s);
    word = (struct slice){s->p, 0};
    while (word.n < s->n && s->p[word.n] != ' ' && s->p[word.n] != '\t')
        word.n++;
    *s = slice_trim(slice_from_offset(*s, word.n));
    return word;
}

static bool parse_fields(struct slice text, struct cron *out)
{
    for (enum cron_field which = 0; which < CRON_FIELDS; which++) {
        struct slice word = take_word(&text);

        if (which == CRON_WEEKDAY && word.n == 0)
            word = SLICE("*");
        if (word.n == 0 || !parse_field(word, which, out))
            return false;
    }
    return text.n == 0;
}

static bool parse_every(struct slice text, struct cron *out)
{
    uint64_t ms;

    if (!duration_parse(text, &ms))
        return false;
    out->every_s = ms < 1000 ? 1 : ms / 1000;
    return true;
}

bool cron_parse(struct slice text, struct cron *out)
{
    static const struct {
        struct slice name, fields;
    } names[] = {
        {SLICE_INIT("@yearly"), SLICE_INIT("0 0 1 1 *")},
        {SLICE_INIT("@annually"), SLICE_INIT("0 0 1 1 *")},
        {SLICE_INIT("@monthly"), SLICE_INIT("0 0 1 * *")},
        {SLICE_INIT("@weekly"), SLICE_INIT("0 0 * * 0")},
        {SLICE_INIT("@daily"), SLICE_INIT("0 0 * * *")},
        {SLICE_INIT("@midnight"), SLICE_INIT("0 0 * * *")},
        {SLICE_INIT("@hourly"), SLICE_INIT("0 * * * *")},
    };
    const struct slice every = SLICE("@every ");

    *out = (struct cron){0};
    text = slice_trim(text);
    if (slice_starts_with(text, every))
        return parse_every(slice_trim(slice_from_offset(text, every.n)), out);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_eq(text, names[i].name))
            return parse_fields(names[i].fields, out);
    return parse_fields(text, out);
}

bool duration_parse(struct slice text, uint64_t *ms)
{
    static const struct text_unit units[] = {
        {SLICE_INIT("h"), 3600000000000},
        {SLICE_INIT("m"), 60000000000},
        {SLICE_INIT("s"), 1000000000},
        {SLICE_INIT("ms"), 1000000},
        {SLICE_INIT("us"), 1000},
        {SLICE_INIT("\xC2\xB5s"), 1000}, /* the micro sign */
        {SLICE_INIT("\xCE\xBCs"), 1000}, /* the Greek letter */
        {SLICE_INIT("ns"), 1},
    };
    uint64_t total_ns = 0, ns;

    while (text.n) {
        if (!text_take_quantity(&text, units, sizeof units / sizeof *units, slice_eq, &ns) ||
            __builtin_add_overflow(total_ns, ns, &total_ns))
            return false;
    }
    *ms = total_ns / 1000000;
    return *ms > 0;
}

/* --- the calendar --- */

static bool holds(const struct cron *cron, enum cron_field which, int value)
{
    return cron->sets[which] >> value & 1;
}

static bool day_matches(const struct cron *cron, const struct tm *date)
{
    bool day = holds(cron, CRON_DAY, date->tm_mday);
    bool weekday = holds(cron, CRON_WEEKDAY, date->tm_wday);

    if (cron->any[CRON_DAY] || cron->any[CRON_WEEKDAY])
        return day && weekday;
    return day || weekday;
}

/* Days from `date` back to the one worth a look: a month that is not in the schedule is skipped. */
static int64_t days_to_skip(const struct cron *cron, const struct tm *date)
{
    return holds(cron, CRON_MONTH, date->tm_mon + 1) ? 1 : date->tm_mday;
}

/* Moves *day, counted since the epoch, back to one of the schedule, itself included. */
static bool find_day(const struct cron *cron, int64_t *day)
{
    int64_t first = *day;

    while (*day >= 0 && first - *day <= HORIZON_DAYS) {
        time_t midnight = (time_t)(*day * DAY_S);
        struct tm date;

        gmtime_r(&midnight, &date);
        if (holds(cron, CRON_MONTH, date.tm_mon + 1) && day_matches(cron, &date))
            return true;
        *day -= days_to_skip(cron, &date);
    }
    return false;
}

static unsigned highest(uint64_t set)
{
    return 63 - (unsigned)__builtin_clzll(set);
}

/* The last start of a day at or before its minute `until`. */
static bool last_minute(const struct cron *cron, unsigned until, unsigned *out)
{
    uint64_t hours = cron->sets[CRON_HOUR], minutes = cron->sets[CRON_MINUTE];
    unsigned hour = until / 60;
    uint64_t in_hour = minutes & (((uint64_t)2 << until % 60) - 1);
    uint64_t earlier = hours & (((uint64_t)1 << hour) - 1);

    if ((hours >> hour & 1) && in_hour)
        *out = hour * 60 + highest(in_hour);
    else if (earlier)
        *out = highest(earlier) * 60 + highest(minutes);
    else
        return false;
    return true;
}

static uint64_t start_at(int64_t day, unsigned minute)
{
    return (uint64_t)day * DAY_S + minute * 60;
}

static uint64_t calendar_previous(const struct cron *cron, uint64_t unix_s)
{
    int64_t today = (int64_t)(unix_s / DAY_S), day = today;
    unsigned minute = 0;

    if (!last_minute(cron, (unsigned)(unix_s / 60 % MINUTES_PER_DAY), &minute))
        day--;
    if (!find_day(cron, &day))
        return 0;
    if (day < today)
        last_minute(cron, MINUTES_PER_DAY - 1, &minute);
    return start_at(day, minute);
}

/* --- both kinds --- */

uint64_t cron_previous(const struct cron *cron, uint64_t unix_s)
{
    if (unix_s > CRON_TIME_MAX_S)
        return 0;
    if (!cron->every_s)
        return calendar_previous(cron, unix_s);
    uint64_t past = unix_s % cron->every_s;
    return past <= (uint64_t)HORIZON_DAYS * DAY_S ? unix_s - past : 0;
}
