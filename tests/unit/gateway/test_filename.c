#include "unit.h"

#include "gateway/surfaces/backup_repository/filename.h"

#define S(text) SLICE_INIT(text)

static void test_names(void **state)
{
    static const struct {
        struct slice template;
        uint64_t version;
        struct slice name;
    } rows[] = {
        {S("iwa-ait-${version}.tar.gz"), 7, S("iwa-ait-7.tar.gz")},
        {S("${version}"), 12, S("12")},
        {S("${version}${version}"), UINT64_MAX, S("1844674407370955161518446744073709551615")},
        {S("v${version}-of-${version}"), 3, S("v3-of-3")},
        {S("backup.tar.gz"), 3, S("backup.tar.gz")},
        {S("${versions} ${Version} $version ${version"), 3,
         S("${versions} ${Version} $version ${version")},
        {S("$${version}}"), 3, S("$3}")},
        {S("${ver${version}sion}"), 3, S("${ver3sion}")},
        {S("\xC3\xA9t\xC3\xA9 \"${version}\".gpg"), 1, S("\xC3\xA9t\xC3\xA9 \"1\".gpg")},
        {S("a\0b\r\nc\x1F\x7F"), 1, S("a_b__c__")},
        {S("../../etc/${version}"), 1, S(".._.._etc_1")},
        {S("/"), 1, S("_")},
        {S(".${version}"), 1, S(".1")},
        {S("..."), 1, S("...")},
        {S("."), 4, S("version-4")},
        {S(".."), 4, S("version-4")},
        {S(""), UINT64_MAX, S("version-18446744073709551615")},
        {{NULL, 0}, 4, S("version-4")},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice name = backup_filename(arena, rows[i].template, rows[i].version);

        if (!slice_eq(name, rows[i].name))
            fail_msg("row %zu: %.*s", i, SLICE_ARG(name));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
