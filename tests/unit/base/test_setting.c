/* Every row of settings.def is tried by the rules of its kind: its default and both ends of its
 * range are taken, what is next to them, empty or nonsense is not. */
#include "base/setting.h"

#include "base/text.h"
#include "unit.h"

static void split_range(const struct setting *row, uint64_t *least, uint64_t *most)
{
    struct slice range = slice_from(row->range), rest;
    size_t at;

    slice_split(range, '|', &range, &rest);
    assert_true(slice_find(range, '.', &at));
    assert_true(text_size((struct slice){range.p, at}, least));
    assert_true(text_size(slice_from_offset(range, at + 2), most));
    assert_true(*least <= *most);
}

static bool takes(const struct setting *row, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool takes(const struct setting *row, const char *format, ...)
{
    char value[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    return !setting_fault(row, slice_from(value));
}

/* n items of a list, or characters of a text. */
static bool takes_repeated(const struct setting *row, const char *item, const char *separator,
                           uint64_t n)
{
    static char value[128 << 10];
    size_t used = 0;

    for (uint64_t i = 0; i < n; i++)
        used +=
            (size_t)snprintf(value + used, sizeof value - used, "%s%s", i ? separator : "", item);
    assert_true(used < sizeof value);
    value[used] = '\0';
    return !setting_fault(row, slice_from(value));
}

static void try_quantity(const struct setting *row, uint64_t least, uint64_t most)
{
    static const char *const garbage[] = {
        "-1", "x", "1,5", "0x10", "1 2", "k", "on", "1e3", "99999999999999999999", "17179869184G"};

    assert_true(takes(row, "%llu", (unsigned long long)least));
    assert_true(takes(row, "%llu", (unsigned long long)most));
    assert_false(takes(row, "%llu", (unsigned long long)most + 1));
    if (least > 0)
        assert_false(takes(row, "%llu", (unsigned long long)least - 1));
    for (size_t i = 0; i < COUNT_OF(garbage); i++)
        assert_false(takes(row, "%s", garbage[i]));
}

static void try_text(const struct setting *row, uint64_t least, uint64_t most)
{
    assert_true(takes_repeated(row, "x", "", most));
    assert_false(takes_repeated(row, "x", "", most + 1));
    if (least > 1)
        assert_false(takes_repeated(row, "x", "", least - 1));
    assert_false(takes_repeated(row, "\n", "", least));
}

static void try_list(const struct setting *row, uint64_t most, const char *item)
{
    assert_true(takes_repeated(row, item, ",", 1));
    assert_true(takes_repeated(row, item, " , ", 1));
    assert_true(takes_repeated(row, item, ",", most));
    assert_false(takes_repeated(row, item, ",", most + 1));
    assert_false(takes(row, "%s,", item));
    assert_false(takes(row, "%s,foo", item));
    assert_false(takes(row, "foo"));
    assert_false(takes(row, ","));
}

static void try_port(const struct setting *row, uint64_t least, uint64_t most)
{
    assert_true(takes(row, "127.0.0.1:%llu", (unsigned long long)least));
    assert_true(takes(row, "127.0.0.1:%llu", (unsigned long long)most));
    assert_false(takes(row, "127.0.0.1:%llu", (unsigned long long)least - 1));
    assert_false(takes(row, "127.0.0.1:%llu", (unsigned long long)most + 1));
}

static void try_words(const struct setting *row)
{
    struct slice rest = slice_from(row->range), word;

    while (slice_split(rest, '|', &word, &rest)) {
        assert_true(takes(row, "%.*s", SLICE_ARG(word)));
        assert_false(takes(row, "%.*sx", SLICE_ARG(word)));
    }
    assert_false(takes(row, "%s", row->range));
}

static void try_range(const struct setting *row)
{
    uint64_t least, most;

    split_range(row, &least, &most);
    switch (row->kind) {
    case SETTING_NUMBER:
    case SETTING_BYTES:
    case SETTING_SECONDS:
        try_quantity(row, least, most);
        break;
    case SETTING_ADDRESS:
        try_port(row, least, most);
        break;
    case SETTING_ORIGINS:
        try_list(row, most, "https://a.example");
        break;
    case SETTING_NETWORKS:
        try_list(row, most, "10.0.0.0/8");
        break;
    case SETTING_JOBS:
        try_list(row, most, "tcp://127.0.0.1:9000");
        break;
    default:
        try_text(row, least, most);
    }
}

static void every_row(void **state)
{
    const struct setting *row;
    struct arena *arena = arena_new();

    for (size_t at = 0; (row = setting_row(at)); at++) {
        size_t found;

        assert_null(setting_fault(row, slice_from(row->standard)));
        assert_int_equal(!setting_fault(row, SLICE("")), !*row->standard);
        assert_true(setting_expected(row, arena).n > 0);
        assert_true(setting_find(slice_from(row->name), &found) && found == at);
        if (*row->option)
            assert_true(setting_find_option(slice_from(row->option), &found) && found == at);
        if (row->kind == SETTING_CHOICE || row->kind == SETTING_WORDS)
            try_words(row);
        else if (strstr(row->range, ".."))
            try_range(row);
    }
    arena_free(arena);
}

struct kind_case {
    enum setting_kind kind;
    const char *range;
    const char *good[12], *bad[24];
};

static const struct kind_case kind_cases[] = {
    {SETTING_SECONDS,
     "1..604800",
     {"1", "90s", "15m", "6h", "7d", "1w", "1h30m", "1.5h", "2H"},
     {"0", "8d", "h", "1x", "90 s", "1h30", "-1s", "1ms", "0.5"}},
    {SETTING_BYTES, "1k..1G", {"1k", "1024", "1.5M", "1GiB"}, {"0", "1023", "2G", "1Q", "1 k"}},
    {SETTING_BOOL, "", {"on", "OFF", "true", "False", "0", "1"}, {"yes", "2", "onoff", "o"}},
    {SETTING_NAME, "3..64", {"ada", "a.b-c_9"}, {"ab", "a b", "ada@example", "\xc3\xa4rger", ".."}},
    {SETTING_FOLDER, "made", {"/srv", "a b"}, {"s3://bucket/x", "http://host/"}},
    {SETTING_ADDRESS,
     "1..65535",
     {"127.0.0.1:80", ":80", "0.0.0.0:80", "[::]:80", "[::1]:80", "localhost:80", "hub.example:80",
      "[fe80::1%eth0]:80"},
     {"127.0.0.1", "80", "::1:80", "[::1:80", "host:", "host:http", "host:0", "host:65536",
      "a b:80", "http://host:80", "host:80/", "256.1.1.1:80", "[]:80", "[host]:80", "host:-1",
      "host:+80", " host:80", "*:80"}},
    {SETTING_ORIGINS,
     "1..64",
     {"https://a.example", "http://localhost:3000", "http://127.0.0.1:8080", "https://[::1]:8443",
      "https://[::1]", "https://a.example, https://b.example:444", "https://a.example:80"},
     {"a.example",
      "https://a.example/",
      "https://A.example",
      "HTTPS://a.example",
      "https://a.example:443",
      "http://a.example:80",
      "*",
      "null",
      "https://",
      "https://a.example/x",
      "https://a.example?x",
      "ftp://a.example",
      "https://user@a.example",
      "https://a b",
      "https://a.example:",
      "https://a.example:0",
      "https://*.example",
      "https://a.example:99999",
      "https://[::1]:443",
      "https://256.1.1.1"}},
    {SETTING_NETWORKS,
     "1..32",
     {"10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "10.0.0.1, 192.168.0.0/16"},
     {"foo", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "on", "off", "localhost", "10.0.0.1:80",
      "10.0.0.0-10.0.0.9", "10.0.0.1 10.0.0.2", "[::1]", "fd00::/129"}},
    {SETTING_NETWORKS,
     "1..256|off|on|0|1",
     {"off", "on", "ON", "0", "1", "10.0.0.0/8"},
     {"2", "off,10.0.0.0/8", "maybe", "of", "off|on"}},
    {SETTING_REDIS,
     "",
     {"redis://host", "redis://host:6380/2", "redis://:pw@host", "redis://u:p%40@[::1]:1",
      "unix:run/state.sock", "unix:/run/redis.sock"},
     {"host:6379", "redis:host", "rediss://host", "http://host", "redis://", "redis://host:0",
      "redis://host:99999", "unix:", "redis://host/x", "redis://u@host"}},
    {SETTING_JOBS,
     "1..2",
     {"ipc://run/jobs.ipc", "tcp://127.0.0.1:9000", "tcp://[::1]:9000,ipc:///run/x"},
     {"foo", "ipc://", "tcp://host", "tcp://host:0", "ws://host:1", "tcp://:x", "127.0.0.1:9000"}},
};

static void each_kind(void **state)
{
    for (size_t i = 0; i < COUNT_OF(kind_cases); i++) {
        const struct kind_case *kind = &kind_cases[i];
        const struct setting row = {.name = "x",
                                    .option = "x",
                                    .kind = kind->kind,
                                    .standard = "",
                                    .range = kind->range,
                                    .help = ""};

        for (size_t j = 0; j < COUNT_OF(kind->good) && kind->good[j]; j++)
            if (setting_fault(&row, slice_from(kind->good[j])))
                fail_msg("refused: %s", kind->good[j]);
        for (size_t j = 0; j < COUNT_OF(kind->bad) && kind->bad[j]; j++)
            if (!setting_fault(&row, slice_from(kind->bad[j])))
                fail_msg("taken: %s", kind->bad[j]);
    }
}

static void names_of_a_row(void **state)
{
    static const struct {
        const char *name, *names;
    } cases[] = {
        {"workers", "--workers, MEDIAHUB_WORKERS, workers in the INI file"},
        {"limits.api_key",
         "--limits-api-key, MEDIAHUB_LIMITS_API_KEY, api_key of [limits] in the INI file"},
        {"admin_password", "MEDIAHUB_ADMIN_PASSWORD, admin_password in the INI file"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t at;

        assert_true(setting_find(slice_from(cases[i].name), &at));
        assert_string_equal(setting_names(setting_row(at), arena).p, cases[i].names);
    }
    arena_free(arena);
}

static void nothing_secret_is_shown(void **state)
{
    static const struct {
        const char *name, *value, *shown;
        bool secret;
    } cases[] = {
        {"redis", "redis://user:pass@word@host:1/2", "\"redis://***@host:1/2\"", true},
        {"redis", "redis:/:password@host", "\"***@host\"", true},
        {"redis", "redis://host:6379", "\"redis://host:6379\"", false},
        {"redis", "unix:/a@b", "\"unix:/a@b\"", false},
        {"admin_password", "password", "the given value", true},
        {"backup.health_check_key", "key", "the given value", true},
        {"listen", "a\nb\x1b[0m", "\"a?b?[0m\"", false},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice value = slice_from(cases[i].value);
        size_t at;

        assert_true(setting_find(slice_from(cases[i].name), &at));
        assert_string_equal(setting_shown(setting_row(at), arena, value).p, cases[i].shown);
        assert_int_equal(setting_is_secret(setting_row(at), value), cases[i].secret);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),
        cmocka_unit_test(each_kind),
        cmocka_unit_test(names_of_a_row),
        cmocka_unit_test(nothing_secret_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
