/* Media Vault's envelopes, byte by byte apart from the time, and the links of its pages. */
#include "unit.h"

#include "base/json.h"
#include "gateway/router.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"

#include <string.h>

static struct request req;
static struct buf out;

static int setup(void **state)
{
    req = (struct request){.task = {.arena = arena_new(), .request_id = SLICE("req_1")},
                           .surface = &surface_mediavault,
                           .path = SLICE("/api/v1/media"),
                           .host = SLICE("hub.example:8080")};
    buf_init(&out, 1 << 16);
    return 0;
}

static int teardown(void **state)
{
    buf_fini(&out);
    arena_free(req.task.arena);
    return 0;
}

/* Checked against a JSON text in which the time is T. */
static void assert_envelope(const char *expected)
{
    json_t *json = json_parse(req.task.arena, buf_slice(&out));
    json_t *meta = json_object_get(json, "meta");
    struct slice time = json_get_slice(meta, "timestamp");

    assert_int_equal(time.n, strlen("2023-05-30T10:00:00Z"));
    assert_int_equal(time.p[19], 'Z');
    json_object_set_new(meta, "timestamp", json_string("T"));
    assert_string_equal(arena_cstr(req.task.arena, json_dump(req.task.arena, json)), expected);
}

static void data(void **state)
{
    surface_mediavault.wrap_data(&req, &out, SLICE("{\"id\":1}"), NULL);
    assert_envelope("{\"success\":true,\"data\":{\"id\":1},\"meta\":{\"timestamp\":\"T\","
                    "\"version\":\"1.0.0\",\"request_id\":\"req_1\"}}");
}

static void errors(void **state)
{
    const struct field_error fields[] = {{SLICE("email"), SLICE("Must be \"valid\".")},
                                         {SLICE("name"), SLICE("Is required.")}};

    surface_mediavault.wrap_error(&req, &out, ERR_VALIDATION, SLICE("No."), fields, 2);
    assert_envelope("{\"success\":false,\"error\":{\"code\":\"validation_error\",\"message\":"
                    "\"No.\",\"details\":[{\"field\":\"email\",\"message\":\"Must be \\\"valid\\\"."
                    "\"},{\"field\":\"name\",\"message\":\"Is required.\"}]},\"meta\":{"
                    "\"timestamp\":\"T\",\"request_id\":\"req_1\"}}");
    assert_null(req.headers);
    buf_clear(&out);
    surface_mediavault.wrap_error(&req, &out, ERR_UNAUTHORIZED, SLICE("Who?"), NULL, 0);
    assert_envelope("{\"success\":false,\"error\":{\"code\":\"unauthorized\",\"message\":\"Who?\","
                    "\"details\":[]},\"meta\":{\"timestamp\":\"T\",\"request_id\":\"req_1\"}}");
    assert_non_null(req.headers); /* WWW-Authenticate */
}

struct page_case {
    struct page page;
    const char *next, *prev;
    int pages;
};

static void pages(void **state)
{
    static const struct page_case cases[] = {
        {{.number = 2, .size = 20, .total = 150, .count = 20}, "/media?page=3", "/media?page=1", 8},
        {{.number = 1, .size = 20, .total = 150, .count = 20}, "/media?page=2", NULL, 8},
        {{.number = 8, .size = 20, .total = 150, .count = 10}, NULL, "/media?page=7", 8},
        {{.number = 1, .size = 20, .total = 20, .count = 20}, NULL, NULL, 1},
        {{.number = 1, .size = 20, .total = 21, .count = 20}, "/media?page=2", NULL, 2},
        {{.number = 1, .size = 20, .total = 0, .count = 0}, NULL, NULL, 0},
        {{.number = 9, .size = 20, .total = 0, .count = 0}, NULL, NULL, 0},
        {{.number = 9, .size = 20, .total = 41, .count = 0}, NULL, "/media?page=3", 3},
        {{.number = 2, .size = 2, .total = 5, .count = 2},
         "/media?page=3&per_page=2",
         "/media?page=1&per_page=2",
         3},
        {{.number = UINT64_MAX, .size = 100, .total = 5, .count = 0},
         NULL,
         "/media?page=1&per_page=100",
         1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct page_case *c = &cases[i];
        buf_clear(&out);
        surface_mediavault.wrap_data(&req, &out, SLICE("[]"), &c->page);
        json_t *json = json_parse(req.task.arena, buf_slice(&out));
        json_t *meta = json_object_get(json, "meta");
        json_t *pagination = json_object_get(meta, "pagination");
        json_t *links = json_object_get(pagination, "links");
        assert_int_equal(json_integer_value(json_object_get(pagination, "total_pages")), c->pages);
        assert_int_equal(json_integer_value(json_object_get(pagination, "count")), c->page.count);
        const char *next = json_string_value(json_object_get(links, "next"));
        const char *prev = json_string_value(json_object_get(links, "prev"));
        assert_int_equal(next != NULL, c->next != NULL);
        assert_int_equal(prev != NULL, c->prev != NULL);
        if (c->next)
            assert_string_equal(next, c->next);
        if (c->prev)
            assert_string_equal(prev, c->prev);
    }
}

static void links_keep_the_other_parameters(void **state)
{
    const struct page page = {.number = 1, .size = 20, .total = 150, .count = 20};

    req.path = SLICE("/v1/media");
    req.query_count = 4;
    req.query_names[0] = SLICE("tag");
    req.query_values[0] = SLICE("a&b=c d>");
    req.query_names[1] = SLICE("page");
    req.query_values[1] = SLICE("1");
    req.query_names[2] = SLICE("per_page");
    req.query_values[2] = SLICE("20");
    req.query_names[3] = SLICE("q");
    req.query_values[3] = SLICE("\xc3\xa4");
    surface_mediavault.wrap_data(&req, &out, SLICE("[]"), &page);
    json_t *json = json_parse(req.task.arena, buf_slice(&out));
    json_t *links =
        json_object_get(json_object_get(json_object_get(json, "meta"), "pagination"), "links");
    assert_string_equal(json_string_value(json_object_get(links, "next")),
                        "/media?tag=a%26b%3Dc%20d%3E&q=%C3%A4&page=2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data, setup, teardown),
        cmocka_unit_test_setup_teardown(errors, setup, teardown),
        cmocka_unit_test_setup_teardown(pages, setup, teardown),
        cmocka_unit_test_setup_teardown(links_keep_the_other_parameters, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
