#include "base/setting_kind.h"

#include "base/address.h"
#include "base/listen.h"
#include "base/redis_address.h"
#include "base/text.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_MAX_BYTES = 255 };

/* --- quantities ------------------------------------------------------------------------------ */

/* "90", "90s", "1h30m"; a number without a unit stands alone. */
static bool parse_seconds(struct slice text, uint64_t *out)
{
    static const struct text_unit units[] = {
        {SLICE_INIT("s"), 1},     {SLICE_INIT("m"), 60},     {SLICE_INIT("h"), 3600},
        {SLICE_INIT("d"), 86400}, {SLICE_INIT("w"), 604800},
    };
    uint64_t part;

    if (slice_to_u64(text, out))
        return true;
    *out = 0;
    if (text.n == 0)
        return false;
    while (text.n) {
        if (!text_take_quantity(&text, units, sizeof units / sizeof *units, slice_eq_nocase,
                                &part) ||
            __builtin_add_overflow(*out, part, out))
            return false;
    }
    return true;
}

static bool parse_quantity(const struct setting *setting, struct slice text, uint64_t *out)
{
    return setting->kind == SETTING_SECONDS ? parse_seconds(text, out) : text_size(text, out);
}

/* "1..64" in front of the range, which may go on after a '|'. */
static void split_range(const struct setting *setting, struct slice *least, struct slice *most)
{
    struct slice range = slice_from(setting->range), rest;
    size_t at;

    slice_split(range, '|', &range, &rest);
    bool found = slice_find(range, '.', &at);
    assert(found && at + 2 < range.n);
    (void)found;
    *least = (struct slice){range.p, at};
    *most = slice_from_offset(range, at + 2);
}

static void bounds(const struct setting *setting, uint64_t *least, uint64_t *most)
{
    struct slice least_text, most_text;

    split_range(setting, &least_text, &most_text);
    bool ok = text_size(least_text, least) && text_size(most_text, most);
    assert(ok);
    (void)ok;
}

static const char *judge_size(const struct setting *setting, uint64_t n, const char *too_small,
                              const char *too_large)
{
    uint64_t least, most;

    bounds(setting, &least, &most);
    if (n < least)
        return too_small;
    return n > most ? too_large : NULL;
}

static const char *judge_quantity(const struct setting *setting, struct slice value)
{
    uint64_t number;

    if (!parse_quantity(setting, value, &number))
        return setting->kind == SETTING_SECONDS ? "is not a time" : "is not a number";
    return judge_size(setting, number, "is too small", "is too large");
}

static struct slice expect_quantity(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena, "%.*s to %.*s%s", SLICE_ARG(least), SLICE_ARG(most),
                        setting->kind == SETTING_SECONDS ? " seconds, or such as 90s, 15m, 6h, 7d"
                                                         : "");
}

/* --- texts ----------------------------------------------------------------------------------- */

static bool is_one_line(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    return true;
}

static const char *judge_text(const struct setting *setting, struct slice value)
{
    return is_one_line(value) ? judge_size(setting, value.n, "is too short", "is too long")
                              : "has control characters";
}

static struct slice expect_text(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena, "one line of %.*s to %.*s bytes", SLICE_ARG(least), SLICE_ARG(most));
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *judge_name(const struct setting *setting, struct slice value)
{
    if (slice_eq(value, SLICE(".")) || slice_eq(value, SLICE("..")))
        return "is no name";
    for (size_t i = 0; i < value.n; i++)
        if (!is_alnum(value.p[i]) && !strchr("._-", value.p[i]))
            return "has other characters than a name may have";
    return judge_size(setting, value.n, "is too short", "is too long");
}

static struct slice expect_name(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena, "%.*s to %.*s letters, digits, '.', '-' and '_'", SLICE_ARG(least),
                        SLICE_ARG(most));
}

static bool parse_bool(struct slice text, bool *out)
{
    static const struct {
        struct slice word;
        bool value;
    } words[] = {
        {SLICE_INIT("on"), true},   {SLICE_INIT("true"), true},   {SLICE_INIT("1"), true},
        {SLICE_INIT("off"), false}, {SLICE_INIT("false"), false}, {SLICE_INIT("0"), false},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_eq_nocase(text, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static const char *judge_bool(const struct setting *setting, struct slice value)
{
    bool flag;

    return parse_bool(value, &flag) ? NULL : "is neither on nor off";
}

static struct slice expect_bool(const struct setting *setting, struct arena *arena)
{
    return SLICE("on or off");
}

static bool is_among(struct slice words, struct slice value)
{
    struct slice word;

    while (slice_split(words, '|', &word, &words))
        if (slice_eq(word, value))
            return true;
    return false;
}

/* "a|b|c" as "a, b or c" */
static struct slice join_words(struct arena *arena, struct slice words, const char *last)
{
    struct slice word, text = SLICE("");

    while (slice_split(words, '|', &word, &words))
        text = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(text),
                            text.n == 0 ? ""
                            : words.p   ? ", "
                                        : last,
                            SLICE_ARG(word));
    return text;
}

static const char *judge_choice(const struct setting *setting, struct slice value)
{
    return is_among(slice_from(setting->range), value) ? NULL : "is no such word";
}

static struct slice expect_choice(const struct setting *setting, struct arena *arena)
{
    return join_words(arena, slice_from(setting->range), " or ");
}

static const char *judge_words(const struct setting *setting, struct slice value)
{
    struct slice word;

    while (slice_split(value, ',', &word, &value))
        if (!is_among(slice_from(setting->range), slice_trim(word)))
            return "has a word that is not known";
    return NULL;
}

static struct slice expect_words(const struct setting *setting, struct arena *arena)
{
    return arena_printf(arena, "some of %.*s, separated by commas",
                        SLICE_ARG(join_words(arena, slice_from(setting->range), " and ")));
}

/* --- paths, whose files config_rules.c looks at ----------------------------------------------- */

static bool has_scheme(struct slice text)
{
    for (size_t i = 0; i + 2 < text.n; i++)
        if (memcmp(text.p + i, "://", 3) == 0)
            return true;
    return false;
}

static const char *judge_path(const struct setting *setting, struct slice value)
{
    if (has_scheme(value))
        return "is a URL";
    if (value.n == 0)
        return "is empty";
    return value.n < PATH_MAX ? NULL : "is too long";
}

static struct slice expect_path(const struct setting *setting, struct arena *arena)
{
    bool made = strcmp(setting->range, "made") == 0;

    if (setting->kind == SETTING_FILE)
        return made ? SLICE("a file that is there, or can be made")
                    : SLICE("a file that can be read");
    return made ? SLICE("a folder that is there, or can be made in one that is")
                : SLICE("a folder that is there");
}

/* --- addresses ------------------------------------------------------------------------------- */

/* A name, an IPv4 address, or an IPv6 address (in brackets where `bracketed`). */
static bool is_host(struct slice host, bool bracketed)
{
    struct address address;
    bool has_colon = false;

    for (size_t i = 0; i < host.n; i++) {
        if (!is_alnum(host.p[i]) && !strchr(bracketed ? "-._:%" : "-._", host.p[i]))
            return false;
        has_colon |= host.p[i] == ':';
    }
    if (bracketed)
        return has_colon;
    return host.n <= HOST_MAX_BYTES && address_parse(host, &address) != ADDRESS_BROKEN;
}

static const char *judge_address(const struct setting *setting, struct slice value)
{
    struct slice host;
    uint64_t port;
    bool bracketed;

    if (!listen_parse(value, &host, &port, &bracketed))
        return "is not an address and a port";
    if (!is_host(host, bracketed))
        return "has no address in front of its port";
    return judge_size(setting, port, "has a port that is too small",
                      "has a port that is too large");
}

static struct slice expect_address(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena,
                        "HOST:PORT, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all "
                        "addresses, with a port of %.*s to %.*s",
                        SLICE_ARG(least), SLICE_ARG(most));
}

/* As a browser sends it: scheme and host in small letters, no path, no port that the scheme has
 * anyway. Anything else would never be equal to an Origin. RFC 6454 section 6.2. */
static bool is_origin(struct slice origin)
{
    bool tls = slice_starts_with(origin, SLICE("https://"));
    struct slice host, rest;
    uint64_t port;
    bool bracketed;

    if (!tls && !slice_starts_with(origin, SLICE("http://")))
        return false;
    rest = slice_from_offset(origin, tls ? 8 : 7);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] >= 'A' && rest.p[i] <= 'Z')
            return false;
    if (listen_parse(rest, &host, &port, &bracketed)) {
        if (port == 0 || port == (tls ? 443 : 80) || rest.p[rest.n - 1] == ':')
            return false;
    } else {
        bracketed = rest.n > 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']';
        host = bracketed ? (struct slice){rest.p + 1, rest.n - 2} : rest;
    }
    return host.n > 0 && is_host(host, bracketed);
}

/* How many of a list are good; *all: every one is. */
static size_t count_items(struct slice list, bool (*is_good)(struct slice item), bool *all)
{
    struct slice item;
    size_t n = 0;

    *all = true;
    while (slice_split(list, ',', &item, &list)) {
        *all = *all && is_good(slice_trim(item));
        n++;
    }
    return n;
}

static const char *judge_origins(const struct setting *setting, struct slice value)
{
    bool all;
    size_t n = count_items(value, is_origin, &all);

    if (!all)
        return "has an origin that no browser sends";
    return judge_size(setting, n, "is empty", "has too many origins");
}

static struct slice expect_origins(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena,
                        "%.*s to %.*s origins, separated by commas: scheme, host in small letters "
                        "and a port other than the usual one, such as https://app.example or "
                        "http://localhost:3000",
                        SLICE_ARG(least), SLICE_ARG(most));
}

static bool is_network(struct slice text)
{
    struct cidr cidr;

    return cidr_parse(text, &cidr);
}

static struct slice words_of_range(const struct setting *setting)
{
    struct slice range, words;

    slice_split(slice_from(setting->range), '|', &range, &words);
    return words;
}

static bool has_word(struct slice words, struct slice value)
{
    struct slice word;

    while (slice_split(words, '|', &word, &words))
        if (slice_eq_nocase(word, value))
            return true;
    return false;
}

static const char *judge_networks(const struct setting *setting, struct slice value)
{
    bool all;
    size_t n = count_items(value, is_network, &all);

    if (has_word(words_of_range(setting), value))
        return NULL;
    if (!all)
        return "has something that is neither an IP address nor a CIDR";
    return judge_size(setting, n, "is empty", "has too many of them");
}

static struct slice expect_networks(const struct setting *setting, struct arena *arena)
{
    struct slice least, most, words = words_of_range(setting);

    split_range(setting, &least, &most);
    return arena_printf(arena,
                        "%s%.*s to %.*s IP addresses or CIDRs, such as 10.0.0.0/8 or fd00::/8, "
                        "separated by commas",
                        words.p ? "off, on, or " : "", SLICE_ARG(least), SLICE_ARG(most));
}

/* --- URLs ------------------------------------------------------------------------------------ */

static const char *judge_redis(const struct setting *setting, struct slice value)
{
    struct arena *arena = arena_new();
    struct redis_address address;
    bool ok = redis_address_parse(arena, value, &address);

    arena_free(arena);
    return ok ? NULL : "is not the URL of a Redis server";
}

static struct slice expect_redis(const struct setting *setting, struct arena *arena)
{
    return SLICE("redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:PATH");
}

static bool is_jobs_url(struct slice url)
{
    struct slice host;
    uint64_t port;
    bool bracketed;

    if (slice_starts_with(url, SLICE("ipc://")))
        return url.n > 6 && url.n - 6 < sizeof((struct sockaddr_un){0}.sun_path);
    return slice_starts_with(url, SLICE("tcp://")) &&
           listen_parse(slice_from_offset(url, 6), &host, &port, &bracketed) && port > 0 &&
           is_host(host, bracketed);
}

static const char *judge_jobs(const struct setting *setting, struct slice value)
{
    bool all;
    size_t n = count_items(value, is_jobs_url, &all);

    if (!all)
        return "is not the URL of a job server";
    return judge_size(setting, n, "is empty", "has too many URLs");
}

static struct slice expect_jobs(const struct setting *setting, struct arena *arena)
{
    struct slice least, most;

    split_range(setting, &least, &most);
    return arena_printf(arena, "ipc://PATH or tcp://HOST:PORT, %.*s to %.*s, separated by commas",
                        SLICE_ARG(least), SLICE_ARG(most));
}

/* --- all kinds ------------------------------------------------------------------------------- */

static const struct {
    const char *(*judge)(const struct setting *setting, struct slice value);
    struct slice (*expect)(const struct setting *setting, struct arena *arena);
} kinds[] = {
    [SETTING_TEXT] = {judge_text, expect_text},
    [SETTING_SECRET] = {judge_text, expect_text},
    [SETTING_NAME] = {judge_name, expect_name},
    [SETTING_NUMBER] = {judge_quantity, expect_quantity},
    [SETTING_BYTES] = {judge_quantity, expect_quantity},
    [SETTING_SECONDS] = {judge_quantity, expect_quantity},
    [SETTING_BOOL] = {judge_bool, expect_bool},
    [SETTING_CHOICE] = {judge_choice, expect_choice},
    [SETTING_WORDS] = {judge_words, expect_words},
    [SETTING_FILE] = {judge_path, expect_path},
    [SETTING_FOLDER] = {judge_path, expect_path},
    [SETTING_ADDRESS] = {judge_address, expect_address},
    [SETTING_ORIGINS] = {judge_origins, expect_origins},
    [SETTING_NETWORKS] = {judge_networks, expect_networks},
    [SETTING_REDIS] = {judge_redis, expect_redis},
    [SETTING_JOBS] = {judge_jobs, expect_jobs},
};

const char *setting_fault(const struct setting *setting, struct slice value)
{
    if (value.n == 0)
        return *setting->standard ? "is empty" : NULL;
    return kinds[setting->kind].judge(setting, value);
}

struct slice setting_expected(const struct setting *setting, struct arena *arena)
{
    struct slice expected = kinds[setting->kind].expect(setting, arena);

    return *setting->standard ? expected
                              : arena_printf(arena, "%.*s, or empty", SLICE_ARG(expected));
}

uint64_t setting_number(const struct setting *setting, struct slice value)
{
    uint64_t number = 0;
    bool ok = parse_quantity(setting, value, &number);

    assert(ok);
    (void)ok;
    return number;
}

bool setting_bool(struct slice value)
{
    bool flag = false, ok = parse_bool(value, &flag);

    assert(ok);
    (void)ok;
    return flag;
}
