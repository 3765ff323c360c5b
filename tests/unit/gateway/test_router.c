#include "unit.h"

#include "gateway/router.h"

#include <string.h>

static void test_finds_routes(void **state)
{
    static const struct {
        enum http_method method;
        struct slice path;
        const char *operation; /* NULL: none */
        struct slice first_param;
    } cases[] = {
        {METHOD_GET, SLICE_INIT("/"), "hub_root", {0}},
        {METHOD_GET, SLICE_INIT("/health"), "hub_health", {0}},
        {METHOD_HEAD, SLICE_INIT("/health"), "hub_health", {0}},
        {METHOD_GET, SLICE_INIT("/%68ealth"), "hub_health", {0}},
        {METHOD_GET, SLICE_INIT("/health/"), NULL, {0}},
        {METHOD_GET, SLICE_INIT("//health"), NULL, {0}},
        {METHOD_POST, SLICE_INIT("/health"), NULL, {0}},
        {METHOD_POST, SLICE_INIT("/api/v1/auth/login"), "auth_login", {0}},
        {METHOD_POST, SLICE_INIT("/v1/auth/login"), "auth_login", {0}},
        {METHOD_GET, SLICE_INIT("/api/v1/media/a%2Fb"), "media_get", SLICE_INIT("a/b")},
        {METHOD_GET, SLICE_INIT("/api/v1/media/upload"), "media_get", SLICE_INIT("upload")},
        {METHOD_POST, SLICE_INIT("/api/v1/media/upload"), "media_upload", {0}},
        {METHOD_GET, SLICE_INIT("/api/v1/media/"), NULL, {0}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena = arena_new();
        struct slice params[PATH_PARAMS_MAX] = {{0}};
        unsigned allowed;
        const struct route *route =
            router_find(cases[i].method, cases[i].path, arena, params, &allowed);

        if (cases[i].operation) {
            assert_non_null(route);
            assert_string_equal(route->operation, cases[i].operation);
            assert_true(slice_eq(params[0], cases[i].first_param));
        } else {
            assert_null(route);
        }
        arena_free(arena);
    }
}

static void test_tells_the_allowed_methods(void **state)
{
    struct arena *arena = arena_new();
    struct slice params[PATH_PARAMS_MAX];
    unsigned allowed;

    assert_null(router_find(METHOD_POST, SLICE("/health"), arena, params, &allowed));
    assert_int_equal(allowed, 1u << METHOD_GET | 1u << METHOD_HEAD);
    /* Those of the literal path, not of the parameter beside it. */
    assert_null(
        router_find(METHOD_OPTIONS, SLICE("/api/v1/media/upload"), arena, params, &allowed));
    assert_int_equal(allowed, 1u << METHOD_POST);
    assert_null(router_find(METHOD_OPTIONS, SLICE("/api/v1/media/x"), arena, params, &allowed));
    assert_int_equal(allowed, 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_PATCH |
                                  1u << METHOD_DELETE);
    assert_null(router_find(METHOD_GET, SLICE("/nothing"), arena, params, &allowed));
    assert_int_equal(allowed, 0);
    arena_free(arena);
}

static void test_owner_of_a_path(void **state)
{
    static const struct {
        struct slice path;
        const char *surface;
    } cases[] = {
        {SLICE_INIT("/"), "hub"},
        {SLICE_INIT("/anything"), "hub"},
        {SLICE_INIT("/api/v1"), "mediavault"},
        {SLICE_INIT("/api/v1/nothing"), "mediavault"},
        {SLICE_INIT("/api/v11"), "hub"},
        {SLICE_INIT("/v1/media"), "mediavault"},
        {SLICE_INIT("/%61pi/v1/media"), "mediavault"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(slice_eq(router_surface(cases[i].path)->name, slice_from(cases[i].surface)));
}

static void test_refuses_tricky_paths(void **state)
{
    static const struct slice good[] = {SLICE_INIT("/"), SLICE_INIT("/a.b"), SLICE_INIT("/..."),
                                        SLICE_INIT("/a/..b"), SLICE_INIT("/%2F%20")};
    static const struct slice bad[] = {
        SLICE_INIT(""),          SLICE_INIT("a"),         SLICE_INIT("/.."),
        SLICE_INIT("/a/../b"),   SLICE_INIT("/."),        SLICE_INIT("/%2e%2E/a"),
        SLICE_INIT("/a/%2e"),    SLICE_INIT("/%"),        SLICE_INIT("/%4"),
        SLICE_INIT("/%zz"),      SLICE_INIT("/a%00b"),    SLICE_INIT("/a/..%2fb"),
        SLICE_INIT("/a%2F%2e."), SLICE_INIT("/a%2f.%2fb")};

    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(router_path_acceptable(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(router_path_acceptable(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_routes),
        cmocka_unit_test(test_tells_the_allowed_methods),
        cmocka_unit_test(test_owner_of_a_path),
        cmocka_unit_test(test_refuses_tricky_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
