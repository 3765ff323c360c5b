#include "unit.h"

#include "base/fold.h"

static void test_folds(void **state)
{
    static const char *const rows[][2] = {
        {"Plain TEXT 1", "plain text 1"},
        {"Müller", "muller"},
        {"Mu\xcc\x88ller", "muller"}, /* decomposed */
        {"MÜLLER", "muller"},
        {"Straße", "strasse"},
        {"STRASSE", "strasse"},
        {"ÉCOLE à Łódź, Ærø", "ecole a lodz, aero"},
        {"İzmir ısı", "izmir isi"},
        {"ΑΘΉΝΑΣ", "αθηνασ"},
        {"Αθήνας", "αθηνασ"},
        {"МОЙ", "мои"},
        {"мой", "мои"},
        {"ｱﾊﾟｰﾄ", "アハ\xe3\x82\x9aート"},
        {"アパート", "アハ\xe3\x82\x9aート"}, /* a kana's voice makes another letter */
        {"한글", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\xe1\x84\x80\xe1\x85\xb3\xe1\x86\xaf"},
        {"\xe1\x84\x92\xe1\x85\xa1", "\xe1\x84\x92\xe1\x85\xa1"},
        {"ﬁ Ⅳ ² Ａ", "fi iv 2 a"},
        {"🎂", "🎂"},
        {"", ""},
        {"\xff\xc3", "\xff\xc3"}, /* no UTF-8: as it is */
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice folded = text_fold(arena, slice_from(rows[i][0]));

        if (!slice_eq(folded, slice_from(rows[i][1])))
            fail_msg("%s became %.*s", rows[i][0], SLICE_ARG(folded));
        assert_true(slice_eq(text_fold(arena, folded), folded));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
