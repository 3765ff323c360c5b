#include "unit.h"

#include "base/charset.h"
#include "base/utf8.h"

static void test_guesses(void **state)
{
    static const struct {
        struct slice bytes;
        const char *text;
    } rows[] = {
        {SLICE_INIT("plain"), "plain"},
        {SLICE_INIT("M\xc3\xbcller"), "Müller"},
        {SLICE_INIT("Gr\xf6\xdf"
                    "e"),
         "Größe"},
        {SLICE_INIT("S\xe9"
                    "ance"),
         "Séance"},
        {SLICE_INIT("\x80 5"), "€ 5"},
        {SLICE_INIT("\x8aibenik"), "Šibenik"},
        {SLICE_INIT("Du\x9a"
                    "an \x8ei\x9ekov"),
         "Dušan Žižkov"},
        {SLICE_INIT("\x81"), "\xef\xbf\xbd"}, /* no character of Windows-1252 */
        {SLICE_INIT("\x82\xb1\x82\xf1"), "こん"},
        {SLICE_INIT("IMG\x8e\xca\x90^1"), "IMG写真1"},
        {SLICE_INIT("\x8a\x43.jpg"), "海.jpg"},
        {SLICE_INIT("\xa5\xc6\xa5\xb9\xa5\xc8.jpg"), "テスト.jpg"}, /* EUC-JP */
        {SLICE_INIT("\xb2\xe2\xca\xd4.jpg"), "测试.jpg"},           /* GBK */
        {SLICE_INIT("\xe4\xf6\xfc\xdf\xc4\xd6\xdc.jpg"), "äöüßÄÖÜ.jpg"},
        {SLICE_INIT("\xab"
                    "Caf\xe9\xbb 20\xb0"),
         "«Café» 20°"},
        {SLICE_INIT("\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82"), "äöü\xef\xbf\xbd\xef\xbf\xbd"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice text = charset_guess(arena, rows[i].bytes);

        if (!slice_eq(text, slice_from(rows[i].text)))
            fail_msg("\"%s\" was read as \"%.*s\"", rows[i].text, SLICE_ARG(text));
    }
    arena_free(arena);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        struct slice bytes;
        const char *text; /* NULL: not known */
    } rows[] = {
        {"ISO-8859-1", SLICE_INIT("\xe4"), "ä"},
        {"latin1", SLICE_INIT("\xe4"), "ä"},
        {"iso-8859-2", SLICE_INIT("\xb9"), "š"},
        {"windows-1251", SLICE_INIT("\xcc\xee"), "Мо"},
        {"koi8-r", SLICE_INIT("\xed\xcf"), "Мо"},
        {"Shift_JIS", SLICE_INIT("\xb1\x95\\"), "ｱ表"},
        {"EUC-JP", SLICE_INIT("\xbc\xcc"), "写"},
        {"GB2312", SLICE_INIT("\xd6\xd0"), "中"},
        {"big5", SLICE_INIT("\xa4\xa4"), "中"},
        {"euc-kr", SLICE_INIT("\xc7\xd1"), "한"},
        {"utf-8", SLICE_INIT("\xc3\xa4"), "ä"},
        {"utf8", SLICE_INIT("\xe4"), "ä"},
        {"shift_jis", SLICE_INIT("a\x81"), "a\xef\xbf\xbd"}, /* its second half is missing */
        {"utf-7", SLICE_INIT("a"), NULL},
        {"iso-2022-jp", SLICE_INIT("a"), NULL},
        {"", SLICE_INIT("a"), NULL},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice text;
        bool known = charset_decode(arena, slice_from(rows[i].name), rows[i].bytes, &text);

        assert_int_equal(known, rows[i].text != NULL);
        if (known && !slice_eq(text, slice_from(rows[i].text)))
            fail_msg("%s: %.*s", rows[i].name, SLICE_ARG(text));
    }
    arena_free(arena);
}

/* Whatever two or three bytes come, what is made of them is UTF-8. */
static void test_everything_becomes_utf8(void **state)
{
    struct arena *arena = arena_new();

    for (unsigned i = 0; i < 1 << 16; i++) {
        char bytes[] = {(char)(i >> 8), (char)i, (char)(i * 31)};
        struct slice in = {bytes, sizeof bytes}, text;

        assert_true(utf8_valid(charset_guess(arena, in)));
        assert_true(charset_decode(arena, SLICE("gbk"), in, &text) && utf8_valid(text));
        if (i % 1024 == 0)
            arena_reset(arena);
    }
    arena_free(arena);
}

static void test_cuts(void **state)
{
    assert_int_equal(utf8_cut(SLICE("aä€"), 6).n, 6);
    assert_int_equal(utf8_cut(SLICE("aä€"), 5).n, 3);
    assert_int_equal(utf8_cut(SLICE("aä€"), 2).n, 1);
    assert_int_equal(utf8_cut(SLICE("ä"), 0).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_everything_becomes_utf8),
        cmocka_unit_test(test_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
