/* What a login sends, in both forms, and what is no login at all. */
#include "unit.h"

#include "gateway/surfaces/backup_repository/credentials.h"
#include "gateway/surfaces/backup_repository/token.h"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

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

static bool read_login(struct arena *arena, const char *type, struct slice body,
                       struct credentials *out)
{
    struct http_header header = {SLICE("Content-Type"), slice_from(type)};
    struct request *req = ARENA_NEW(arena, struct request);

    req->task.arena = arena;
    req->head = (struct http_head){.headers = &header, .header_count = type ? 1 : 0};
    req->text = body;
    return credentials_read(req, out);
}

static void understood(void **state)
{
    static const struct {
        const char *type;
        struct slice body;
        const char *username, *access_key, *password;
    } rows[] = {
        {JSON, SLICE_INIT("{\"username\":\"eve\",\"password\":\"a b\"}"), "eve", "", "a b"},
        {JSON "; charset=utf-8", SLICE_INIT("{\"username\":\"eve\",\"password\":\"\xc3\xa9\"}"),
         "eve", "", "\xc3\xa9"},
        {NULL, SLICE_INIT("{\"username\":\"eve\",\"password\":\"x\",\"more\":1}"), "eve", "", "x"},
        {JSON, SLICE_INIT("{\"username\":\"eve$box\",\"password\":\"x$y\"}"), "eve", "box", "x$y"},
        {JSON, SLICE_INIT("{\"username\":\"eve$a$b\",\"password\":\"x\"}"), "eve", "a$b", "x"},
        {FORM, SLICE_INIT("username=eve&password=a+b%26c"), "eve", "", "a b&c"},
        {"Application/X-WWW-Form-Urlencoded ; a=b", SLICE_INIT("password=x&&username=eve%24box"),
         "eve", "box", "x"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct credentials got;

        assert_true(read_login(*state, rows[i].type, rows[i].body, &got));
        assert_true(slice_eq(got.username, slice_from(rows[i].username)));
        assert_true(slice_eq(got.access_key, slice_from(rows[i].access_key)));
        assert_true(slice_eq(got.password, slice_from(rows[i].password)));
        assert_true(got.scope.n == 0 && !got.scope_refused);
    }
}

static void no_login(void **state)
{
    static const struct {
        const char *type;
        struct slice body;
    } rows[] = {
        {JSON, SLICE_INIT("")},
        {JSON, SLICE_INIT("{")},
        {JSON, SLICE_INIT("[]")},
        {JSON, SLICE_INIT("{\"username\":\"eve\"}")},
        {JSON, SLICE_INIT("{\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"\",\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"eve\",\"password\":\"\"}")},
        {JSON, SLICE_INIT("{\"username\":7,\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"eve\",\"password\":null}")},
        {JSON, SLICE_INIT("{\"username\":\"eve\",\"username\":\"bob\",\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"eve\\u0000\",\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"$box\",\"password\":\"x\"}")},
        {JSON, SLICE_INIT("{\"username\":\"eve$\",\"password\":\"x\"}")},
        {JSON, SLICE_INIT("username=eve&password=x")},
        {FORM, SLICE_INIT("")},
        {FORM, SLICE_INIT("username=eve")},
        {FORM, SLICE_INIT("username=eve&password")},
        {FORM, SLICE_INIT("username=eve&password=%")},
        {FORM, SLICE_INIT("username=eve&password=%zz")},
        {FORM, SLICE_INIT("username=eve&password=a%00b")},
        {FORM, SLICE_INIT("username=eve&password=%ff")},
        {FORM, SLICE_INIT("username=eve&password=a\0b")},
        {FORM, SLICE_INIT("{\"username\":\"eve\",\"password\":\"x\"}")},
    };
    struct credentials got;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_false(read_login(*state, rows[i].type, rows[i].body, &got));
}

static void bounded(void **state)
{
    char *text = arena_zalloc(*state, 1026);
    struct credentials got;

    memset(text, 'x', 1024);
    assert_true(read_login(*state, FORM,
                           arena_printf(*state, "username=%s&password=%s", text, text), &got));
    text[1024] = 'x';
    assert_false(
        read_login(*state, FORM, arena_printf(*state, "username=%s&password=x", text), &got));
    assert_false(
        read_login(*state, FORM, arena_printf(*state, "username=x&password=%s", text), &got));
}

static void with_a_scope(void **state)
{
    static const struct {
        const char *scope, *kept;
        bool refused;
    } rows[] = {
        {"{\"elements\":[{\"type\":\"collection\",\"name\":\"a\",\"roles\":[\"x\"]}]}",
         "[{\"type\":\"collection\",\"name\":\"a\",\"roles\":[\"x\"]}]", false},
        {"{\"elements\":[]}", "", false},
        {"null", "", false},
        {"{}", "", true},
        {"{\"elements\":[7]}", "", true},
        {"[]", "", true},
        {"\"all\"", "", true},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct credentials got;
        struct slice body =
            arena_printf(*state, "{\"username\":\"e\",\"password\":\"x\",\"operationsScope\":%s}",
                         rows[i].scope);

        /* Whoever it is must be proved before the scope is complained about. */
        assert_true(read_login(*state, JSON, body, &got));
        assert_int_equal(got.scope_refused, rows[i].refused);
        assert_true(slice_eq(got.scope, slice_from(rows[i].kept)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_login, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_a_scope, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
