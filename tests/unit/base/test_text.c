#include "base/text.h"
#include "unit.h"

#define S(text) SLICE_INIT(text)

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* The vectors of RFC 4648 section 10, and bytes that tell the two alphabets apart. */
static void base64(void **state)
{
    static const struct {
        struct slice bytes, padded, url;
    } cases[] = {
        {S(""), S(""), S("")},
        {S("f"), S("Zg=="), S("Zg")},
        {S("fo"), S("Zm8="), S("Zm8")},
        {S("foo"), S("Zm9v"), S("Zm9v")},
        {S("foob"), S("Zm9vYg=="), S("Zm9vYg")},
        {S("fooba"), S("Zm9vYmE="), S("Zm9vYmE")},
        {S("foobar"), S("Zm9vYmFy"), S("Zm9vYmFy")},
        {S("\xFB\xFF\0"), S("+/8A"), S("-_8A")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice out;

        assert_true(slice_eq(text_base64(*state, cases[i].bytes), cases[i].padded));
        assert_true(slice_eq(text_base64url(*state, cases[i].bytes), cases[i].url));
        assert_true(text_unbase64(*state, cases[i].padded, &out));
        assert_true(slice_eq(out, cases[i].bytes));
        assert_true(text_unbase64url(*state, cases[i].url, &out));
        assert_true(slice_eq(out, cases[i].bytes));
    }
}

static void broken_base64(void **state)
{
    static const struct slice padded[] = {S("Zg"),    S("Zg="),      S("Z"),
                                          S("Zg==="), S("Zg==Zg=="), S("Z g="),
                                          S("-_8A"),  S("Zh=="),     S("Zm9v\n")};
    static const struct slice url[] = {S("Zg=="), S("Z"), S("+/8A"), S("Zh"), S("Zm9v=")};
    struct slice out;

    for (size_t i = 0; i < COUNT_OF(padded); i++)
        assert_false(text_unbase64(*state, padded[i], &out));
    for (size_t i = 0; i < COUNT_OF(url); i++)
        assert_false(text_unbase64url(*state, url[i], &out));
}

static void every_digit_of_base64(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct slice out;

    for (int c = 0; c < 256; c++) {
        const char text[] = {'A', (char)c, 'A', 'A'};
        bool common = c && strchr(digits, c);
        bool plain = common || c == '+' || c == '/', url = common || c == '-' || c == '_';

        assert_int_equal(text_unbase64(*state, (struct slice){text, 4}, &out), plain);
        assert_int_equal(text_unbase64url(*state, (struct slice){text, 4}, &out), url);
    }
}

static void hex(void **state)
{
    static const struct slice broken[] = {S(""), S("0"), S("000"), S("0g"), S("00000"), S("0 00")};
    unsigned char out[2];

    assert_true(slice_eq(text_hex(*state, "\x00\xAB\xFF", 3), SLICE("00abff")));
    assert_int_equal(text_hex(*state, NULL, 0).n, 0);
    assert_true(text_unhex(SLICE("aB0f"), out, 2));
    assert_memory_equal(out, "\xAB\x0F", 2);
    assert_true(text_unhex(SLICE(""), out, 0));
    for (size_t i = 0; i < COUNT_OF(broken); i++)
        assert_false(text_unhex(broken[i], out, 2));
}

static void percent(void **state)
{
    static const struct {
        struct slice text;
        bool plus, ok;
        struct slice decoded;
    } cases[] = {
        {S("a%20b"), false, true, S("a b")},  {S("a+b"), false, true, S("a+b")},
        {S("a+b%2B"), true, true, S("a b+")}, {S("%c3%A9"), false, true, S("\xC3\xA9")},
        {S(""), false, true, S("")},          {S("%"), false, false, S("")},
        {S("%4"), false, false, S("")},       {S("%4g"), false, false, S("")},
        {S("a%00"), false, false, S("")},     {S("a\0b"), false, false, S("")},
        {S("%25"), false, true, S("%")},      {S("%%41"), false, false, S("")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice out;

        assert_int_equal(text_percent_decode(*state, cases[i].text, cases[i].plus, &out),
                         cases[i].ok);
        if (cases[i].ok)
            assert_true(slice_eq(out, cases[i].decoded));
    }
    assert_string_equal(text_percent_encode(*state, SLICE("aZ9-._~ /%\xC3\xA9")).p,
                        "aZ9-._~%20%2F%25%C3%A9");
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"100", 100},
        {"100B", 100},
        {"512K", 512 << 10},
        {"64k", 64 << 10},
        {"1M", 1 << 20},
        {"10MB", 10 << 20},
        {"10mb", 10 << 20},
        {"10MiB", 10 << 20},
        {"10mIb", 10 << 20},
        {"5G", (uint64_t)5 << 30},
        {"1.5G", (uint64_t)3 << 29},
        {"1.5KiB", 1536},
        {".5k", 512},
        {"0.1k", 102},
        {"0.0009765625M", 1024},
        {"0.99999999999999999999999999999999k", 1023},
        {"1T", (uint64_t)1 << 40},
        {"2pb", (uint64_t)2 << 50},
        {"15E", (uint64_t)15 << 60},
        {"18446744073709551615", UINT64_MAX},
        {"0000000000000000000000001", 1},
        {"15.99999999999999999999E", UINT64_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t bytes;

        if (!text_size(slice_from(cases[i].text), &bytes) || bytes != cases[i].bytes)
            fail_msg("\"%s\"", cases[i].text);
    }
}

static void broken_sizes(void **state)
{
    static const char *const cases[] = {"16E",
                                        "18446744073709551616",
                                        "18014398509481984K",
                                        "",
                                        "k",
                                        ".",
                                        ".M",
                                        "1.M",
                                        "1.5",
                                        "1.5B",
                                        "1.2.3M",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1 M",
                                        "1M1",
                                        "1M2K",
                                        "1MM",
                                        "1iB",
                                        "1Bi",
                                        "1KB1",
                                        "1BB",
                                        "1Mi",
                                        "1Z",
                                        "1e3",
                                        "0x10",
                                        "many"};
    uint64_t bytes;

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (text_size(slice_from(cases[i]), &bytes))
            fail_msg("\"%s\": %ju", cases[i], (uintmax_t)bytes);
}

static void the_rest(void **state)
{
    assert_string_equal(text_lower(*state, SLICE("AbZ[\xC3\x84")).p, "abz[\xC3\x84");
    assert_int_equal(text_crc32(SLICE("123456789")), 0xCBF43926); /* the CRC's check value */
    assert_int_equal(text_crc32(SLICE("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(base64, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_base64, setup, teardown),
        cmocka_unit_test_setup_teardown(every_digit_of_base64, setup, teardown),
        cmocka_unit_test_setup_teardown(hex, setup, teardown),
        cmocka_unit_test_setup_teardown(percent, setup, teardown),
        cmocka_unit_test(sizes),
        cmocka_unit_test(broken_sizes),
        cmocka_unit_test_setup_teardown(the_rest, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
