/* Operations scopes: from a login into a token and back. */
#include "unit.h"

#include "gateway/surfaces/backup_repository/scope.h"
#include "gateway/surfaces/backup_repository/token.h"

static int set_up(void **state)
{
    *state = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static void there_and_back(void **state)
{
    const json_t *given = json_parse(
        *state,
        SLICE("{\"elements\":[{\"type\":\"collection\",\"name\":\"a\",\"roles\":[\"x\",\"y\"]}]}"));
    struct grants grants;
    struct slice text;

    assert_true(scope_of_login(*state, given, &text));
    assert_true(scope_parse(*state, text, &grants));
    assert_int_equal(grants.n, 1);
    assert_true(slice_eq(grants.list[0].type, SLICE("collection")));
    assert_true(slice_eq(grants.list[0].name, SLICE("a")));
    assert_int_equal(grants.list[0].roles.n, 2);
    assert_true(slice_eq(grants.list[0].roles.names[1], SLICE("y")));
}

static void not_narrowed(void **state)
{
    static const struct slice given[] = {SLICE_INIT("null"), SLICE_INIT("{\"elements\":[]}")};
    struct grants grants;
    struct slice text;

    for (size_t i = 0; i < COUNT_OF(given); i++) {
        /* A value alone is no document for the parser, so it stands in a list. */
        const json_t *list =
            json_parse(*state, arena_printf(*state, "[%.*s]", SLICE_ARG(given[i])));
        assert_true(scope_of_login(*state, json_array_get(list, 0), &text));
        assert_int_equal(text.n, 0);
    }
    assert_true(scope_of_login(*state, NULL, &text));
    assert_true(text.n == 0 && scope_parse(*state, text, &grants));
    assert_int_equal(grants.n, 0);
}

static void none_at_all(void **state)
{
    static const struct slice elements[] = {
        SLICE_INIT("1"),
        SLICE_INIT("{}"),
        SLICE_INIT("[1]"),
        SLICE_INIT("[{}]"),
        SLICE_INIT("[{\"type\":\"a\",\"name\":\"b\"}]"),
        SLICE_INIT("[{\"type\":\"a\",\"name\":\"\",\"roles\":[]}]"),
        SLICE_INIT("[{\"type\":1,\"name\":\"b\",\"roles\":[]}]"),
        SLICE_INIT("[{\"type\":\"a\",\"name\":\"b\",\"roles\":\"c\"}]"),
        SLICE_INIT("[{\"type\":\"a\",\"name\":\"b\",\"roles\":[1]}]"),
    };
    struct grants grants;
    struct slice text;

    for (size_t i = 0; i < COUNT_OF(elements); i++) {
        const json_t *given =
            json_parse(*state, arena_printf(*state, "{\"elements\":%.*s}", SLICE_ARG(elements[i])));
        assert_false(scope_of_login(*state, given, &text));
        assert_false(scope_parse(*state, elements[i], &grants));
    }
    assert_false(scope_parse(*state, SLICE("["), &grants));
}

#define ELEMENT(name) "[{\"type\":\"t\",\"name\":\"" name "\",\"roles\":[]}]"

static void too_long(void **state)
{
    enum { NAME_MAX_BYTES = BACKUP_SCOPE_MAX_BYTES - (sizeof(ELEMENT("")) - 1) };
    char *name = arena_alloc(*state, NAME_MAX_BYTES + 1);

    memset(name, 'a', NAME_MAX_BYTES + 1);
    for (int n = NAME_MAX_BYTES; n <= NAME_MAX_BYTES + 1; n++) {
        struct slice text,
            json = arena_printf(*state, "{\"elements\":" ELEMENT("%.*s") "}", n, name);

        assert_int_equal(scope_of_login(*state, json_parse(*state, json), &text),
                         n == NAME_MAX_BYTES);
    }
}

static void no_list_in_it(void **state)
{
    static const struct slice given[] = {SLICE_INIT("[[]]"), SLICE_INIT("[\"all\"]"),
                                         SLICE_INIT("[7]"), SLICE_INIT("[{}]"),
                                         SLICE_INIT("[{\"elements\":null}]")};
    struct slice text;

    for (size_t i = 0; i < COUNT_OF(given); i++)
        assert_false(
            scope_of_login(*state, json_array_get(json_parse(*state, given[i]), 0), &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_narrowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_list_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
