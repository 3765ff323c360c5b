#include "base/clock.h"
#include "unit.h"

static void formats(void **state)
{
    static const struct {
        uint64_t unix_ms;
        const char *rfc3339, *http;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1685440800999, "2023-05-30T10:00:00Z", "Tue, 30 May 2023 10:00:00 GMT"},
        {951782400000, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4102444799000, "2099-12-31T23:59:59Z", "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t back;
        struct slice text = clock_rfc3339(arena, cases[i].unix_ms);

        assert_string_equal(text.p, cases[i].rfc3339);
        assert_string_equal(clock_http_date(arena, cases[i].unix_ms).p, cases[i].http);
        assert_true(clock_parse_rfc3339(text, &back));
        assert_int_equal(back, cases[i].unix_ms / 1000 * 1000);
    }
    arena_free(arena);
}

static void parses(void **state)
{
    static const struct {
        const char *text;
        uint64_t unix_ms;
    } cases[] = {
        {"2023-05-30T10:00:00Z", 1685440800000},
        {"2023-05-30t10:00:00z", 1685440800000},
        {"2023-05-30T12:00:00+02:00", 1685440800000},
        {"2023-05-30T05:30:00-04:30", 1685440800000},
        {"2023-05-30T10:00:00.5Z", 1685440800500},
        {"2023-05-30T10:00:00.123456789Z", 1685440800123},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t unix_ms = 0;

        assert_true(clock_parse_rfc3339(slice_from(cases[i].text), &unix_ms));
        assert_int_equal(unix_ms, cases[i].unix_ms);
    }
}

static void parses_http_dates(void **state)
{
    static const struct {
        const char *text;
        uint64_t unix_ms; /* 0: none */
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777000},
        {"Sun Nov  6 08:49:37 1994", 784111777000},
        {"Wed Nov 16 08:49:37 1994", 784975777000},
        {"Tue, 29 Feb 2000 23:59:60 GMT", 951868800000},
        {"Thu, 01 Jan 1970 00:00:01 GMT", 1000},

        {"", 0},
        {"Sun", 0},
        {"Sun, ", 0},
        {"Sun, 06 Nov 1994 08:49:37", 0},
        {"Sun, 06 Nov 1994 08:49:37 CET", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", 0},
        {"Sun, 6 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 nov 1994 08:49:37 GMT", 0},
        {"Sun, 06-Nov-1994 08:49:37 GMT", 0},
        {"Sun, 31 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 00 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 24:49:37 GMT", 0},
        {"Sun, 06 Nov 1894 08:49:37 GMT", 0},
        {"Sun Nov 6 08:49:37 1994", 0},
        {"Sun Nov  6 08:49:37 1994 GMT", 0},
        {"784111777", 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t unix_ms = 0;
        bool read = clock_parse_http_date(slice_from(cases[i].text), &unix_ms);

        if (read != (cases[i].unix_ms != 0) || unix_ms != cases[i].unix_ms)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)unix_ms);
    }
}

static void refuses(void **state)
{
    static const char *const cases[] = {
        "",
        "2023-05-30",
        "2023-05-30T10:00:00",
        "2023-05-30 10:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-05-00T00:00:00Z",
        "2023-05-30T24:00:00Z",
        "2023-05-30T10:60:00Z",
        "2023-05-30T10:00:61Z",
        "2023-05-30T10:00:00.Z",
        "2023-05-30T10:00:00Zx",
        "2023-05-30T10:00:00+0200",
        "2023-05-30T10:00:00+24:00",
        "2023-05-30T10:00:00+02:60",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "+023-05-30T10:00:00Z",
        "2023-05-30T10:00:00Z ",
        "23-05-30T10:00:00Z",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t unix_ms;

        assert_false(clock_parse_rfc3339(slice_from(cases[i]), &unix_ms));
    }
}

static void clocks_agree(void **state)
{
    uint64_t us = clock_us(), ms = clock_ms();

    assert_true(ms >= us / 1000 && ms - us / 1000 < 1000);
    assert_true(clock_us() >= us);
    assert_true(clock_unix_ms() > 1600000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),           cmocka_unit_test(parses),
        cmocka_unit_test(parses_http_dates), cmocka_unit_test(refuses),
        cmocka_unit_test(clocks_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
