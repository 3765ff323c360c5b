#include "base/slice.h"
#include "unit.h"

#define S(text) SLICE_INIT(text)

static void equality(void **state)
{
    static const struct {
        struct slice a, b;
        bool same, same_nocase;
        int order;
    } cases[] = {
        {S(""), S(""), true, true, 0},
        {S(""), {NULL, 0}, true, true, 0},
        {S("a"), S("a"), true, true, 0},
        {S("a"), S("A"), false, true, 1},
        {S("a"), S("b"), false, false, -1},
        {S("a"), S("ab"), false, false, -1},
        {S("ab"), S("a"), false, false, 1},
        {S("Host"), S("hOsT"), false, true, -1},
        {S("[a"), S("{a"), false, false, -1},
        {S("a\0b"), S("a\0c"), false, false, -1},
        {S("\xC4"), S("\xE4"), false, false, -1},
        {S("\x7F"), S("\x80"), false, false, -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int order = slice_compare(cases[i].a, cases[i].b);

        assert_int_equal(slice_eq(cases[i].a, cases[i].b), cases[i].same);
        assert_int_equal(slice_eq_nocase(cases[i].a, cases[i].b), cases[i].same_nocase);
        assert_int_equal((order > 0) - (order < 0), cases[i].order);
    }
}

static void ends(void **state)
{
    static const struct {
        struct slice s, part;
        bool starts, ends;
    } cases[] = {
        {S("abc"), S("ab"), true, false},  {S("abc"), S("bc"), false, true},
        {S("abc"), S("abc"), true, true},  {S("abc"), S(""), true, true},
        {S("a"), S("ab"), false, false},   {{NULL, 0}, S(""), true, true},
        {{NULL, 0}, S("a"), false, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(slice_starts_with(cases[i].s, cases[i].part), cases[i].starts);
        assert_int_equal(slice_ends_with(cases[i].s, cases[i].part), cases[i].ends);
    }
}

static void trimming(void **state)
{
    static const struct {
        struct slice s, trimmed;
    } cases[] = {
        {S(" a "), S("a")}, {S("\t a b\t"), S("a b")}, {S("  "), S("")},
        {S(""), S("")},     {S("a\n"), S("a\n")},      {{NULL, 0}, S("")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(slice_eq(slice_trim(cases[i].s), cases[i].trimmed));
}

static void splitting(void **state)
{
    static const struct {
        struct slice s;
        const char *parts; /* each followed by '|' */
    } cases[] = {
        {S("a,b,c"), "a|b|c|"}, {S("a"), "a|"},   {S(""), "|"},     {{NULL, 0}, ""},
        {S(",a"), "|a|"},       {S("a,"), "a||"}, {S(",,"), "|||"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice rest = cases[i].s, head;
        char joined[64] = "";
        size_t n = 0;

        while (slice_split(rest, ',', &head, &rest))
            n += (size_t)snprintf(joined + n, sizeof joined - n, "%.*s|", SLICE_ARG(head));
        assert_string_equal(joined, cases[i].parts);
    }
}

static void numbers(void **state)
{
    static const struct {
        struct slice text;
        bool is_u64, is_i64;
        uint64_t u64;
        int64_t i64;
    } cases[] = {
        {S("0"), true, true, 0, 0},
        {S("007"), true, true, 7, 7},
        {S("18446744073709551615"), true, false, UINT64_MAX, 0},
        {S("18446744073709551616"), false, false, 0, 0},
        {S("99999999999999999999999"), false, false, 0, 0},
        {S("9223372036854775807"), true, true, INT64_MAX, INT64_MAX},
        {S("-9223372036854775808"), false, true, 0, INT64_MIN},
        {S("-9223372036854775809"), false, false, 0, 0},
        {S("-1"), false, true, 0, -1},
        {S("-0"), false, true, 0, 0},
        {S("-"), false, false, 0, 0},
        {S("--1"), false, false, 0, 0},
        {S("+1"), false, false, 0, 0},
        {S(" 1"), false, false, 0, 0},
        {S("1 "), false, false, 0, 0},
        {S("1x"), false, false, 0, 0},
        {S(""), false, false, 0, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t u64 = 0;
        int64_t i64 = 0;

        assert_int_equal(slice_to_u64(cases[i].text, &u64), cases[i].is_u64);
        assert_int_equal(slice_to_i64(cases[i].text, &i64), cases[i].is_i64);
        assert_true(u64 == cases[i].u64);
        assert_true(i64 == cases[i].i64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),  cmocka_unit_test(ends),    cmocka_unit_test(trimming),
        cmocka_unit_test(splitting), cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
