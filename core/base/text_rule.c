#include "base/text_rule.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(struct slice s, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        const char *other = others;
        while (*other && *other != s.p[i])
            other++;
        if (!*other && !is_alnum(s.p[i]))
            return false;
    }
    return s.n > 0;
}

static bool is_domain(struct slice s)
{
    struct slice label;

    if (s.n == 0)
        return false;
    while (slice_split(s, '.', &label, &s))
        if (label.n > 63 || !all_of(label, "-") || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    return true;
}

/* https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address */
static bool is_email(struct slice s)
{
    size_t at;

    return slice_find(s, '@', &at) && all_of((struct slice){s.p, at}, ".!#$%&'*+/=?^_`{|}~-") &&
           is_domain(slice_from_offset(s, at + 1));
}

static bool is_url(struct slice s)
{
    static const struct slice schemes[] = {SLICE_INIT("http://"), SLICE_INIT("https://")};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice scheme = schemes[i];
        if (s.n <= scheme.n || !slice_eq_nocase((struct slice){s.p, scheme.n}, scheme))
            continue;
        struct slice rest = slice_from_offset(s, scheme.n);
        return all_of(rest, "-._~:/?#[]@!$&'()*+,;=%") && (is_alnum(rest.p[0]) || rest.p[0] == '[');
    }
    return false;
}

static bool is_line(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool has_format(struct slice s, enum text_format format)
{
    uint64_t unix_ms;

    switch (format) {
    case FORMAT_NONE:
        return true;
    case FORMAT_EMAIL:
        return is_email(s);
    case FORMAT_URL:
        return is_url(s);
    case FORMAT_DATE_TIME:
        return clock_parse_rfc3339(s, &unix_ms);
    case FORMAT_USERNAME:
        return all_of(s, "._-");
    case FORMAT_LINE:
        return is_line(s);
    }
    assert(false); /* every format has its rule */
    return false;
}

static struct slice format_message(enum text_format format)
{
    switch (format) {
    case FORMAT_EMAIL:
        return SLICE("Must be a valid email address.");
    case FORMAT_URL:
        return SLICE("Must be an absolute http or https URL.");
    case FORMAT_DATE_TIME:
        return SLICE("Must be a time such as 2023-05-30T10:00:00Z.");
    case FORMAT_USERNAME:
        return SLICE("May have only letters, digits, '.', '-' and '_'.");
    case FORMAT_LINE:
        return SLICE("Must be one line without control characters.");
    case FORMAT_NONE:
        break;
    }
    return SLICE_NONE;
}

/* Code points of valid UTF-8: every byte that does not continue one. */
static uint64_t characters(struct slice s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

struct slice text_rule_fault(struct arena *arena, const struct text_rule *rule, struct slice text)
{
    uint64_t n = characters(text);

    if (n < rule->min_length)
        return rule->min_length == 1
                   ? SLICE("Must not be empty.")
                   : arena_printf(arena, "Must have at least %" PRIu64 " characters.",
                                  rule->min_length);
    if (n > rule->max_length)
        return arena_printf(arena, "Must have at most %" PRIu64 " characters.", rule->max_length);
    return has_format(text, rule->format) ? SLICE_NONE : format_message(rule->format);
}

static const struct text_rule account_rules[] = {
#define ACCOUNT_RULE(name, format, min, max) [ACCOUNT_##name] = {format, min, max},
#include "account_rules.def"
#undef ACCOUNT_RULE
};

struct slice account_rule_fault(struct arena *arena, enum account_rule rule, struct slice text)
{
    if (rule == ACCOUNT_EMAIL && text.n == 0)
        return SLICE_NONE;
    if (!utf8_valid(text))
        return SLICE("Must be text in UTF-8.");
    return text_rule_fault(arena, &account_rules[rule], text);
}
