#include "base/json.h"
#include "unit.h"

#define S(text) SLICE_INIT(text)

static void utf8(void **state)
{
    static const struct {
        struct slice text;
        bool valid;
    } cases[] = {
        {S(""), true},
        {{NULL, 0}, true},
        {S("plain"), true},
        {S("\xC2\x80 \xDF\xBF"), true},
        {S("\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF"), true},
        {S("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"), true},
        {S("a\0b"), true},
        {S("\x80"), false},
        {S("\xC0\x80"), false},
        {S("\xC1\xBF"), false},
        {S("\xC3"), false},
        {S("\xE0\x9F\xBF"), false},
        {S("\xED\xA0\x80"), false},
        {S("\xE2\x82"), false},
        {S("\xF0\x8F\xBF\xBF"), false},
        {S("\xF4\x90\x80\x80"), false},
        {S("\xF5\x80\x80\x80"), false},
        {S("\xC3("), false},
        {S("\xFF"), false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(utf8_valid(cases[i].text), cases[i].valid);
}

static void parsing(void **state)
{
    static const struct {
        struct slice text;
        bool ok;
    } cases[] = {
        {S("{}"), true},
        {S(" [1, \"a\", null, true, 1.5e3] "), true},
        {S("7"), true},
        {S("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""), true},
        {S("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""), true},
        {S("\xEF\xBB\xBF{}"), true},
        {S("\xEF\xBB\xBF\xEF\xBB\xBF{}"), false},
        {S("\xEF\xBB\xBF"), false},
        {S("\xEF\xBB{}"), false},
        {S(""), false},
        {{NULL, 0}, false},
        {S("{"), false},
        {S("{}x"), false},
        {S("{} {}"), false},
        {S("{\"a\":1,\"a\":2}"), false},
        {S("\"\\u0000\""), false},
        {S("{\"\\u0000\":1}"), false},
        {S("\"\xFF\""), false},
        {S("\"\\ud800\""), false},
        {S("\"a\0b\""), false},
        {S("{}\0"), false},
        {S("[1,]"), false},
        {S("nan"), false},
        {S("]]]"), false},
        {S("1e999"), false},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(json_parse(arena, cases[i].text) != NULL, cases[i].ok);
    arena_free(arena);
}

static void depth_is_bounded(void **state)
{
    static const struct {
        size_t depth;
        bool ok;
    } cases[] = {{JSON_MAX_DEPTH, true}, {JSON_MAX_DEPTH + 1, false}, {800, false}, {4000, false}};
    struct arena *arena = arena_new();
    static char text[8001];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t depth = cases[i].depth;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(json_parse(arena, (struct slice){text, 2 * depth}) != NULL, cases[i].ok);
    }
    arena_free(arena);
}

static void fields(void **state)
{
    struct arena *arena = arena_new();
    json_t *object = json_parse(arena, SLICE("{\"s\":\"text\",\"n\":5,\"m\":-5,\"x\":null}"));
    uint64_t number = 0;

    assert_true(slice_eq(json_get_slice(object, "s"), SLICE("text")));
    assert_int_equal(json_get_slice(object, "n").n, 0);
    assert_int_equal(json_get_slice(object, "absent").n, 0);
    assert_true(json_get_u64(object, "n", &number));
    assert_int_equal(number, 5);
    assert_false(json_get_u64(object, "m", &number));
    assert_false(json_get_u64(object, "s", &number));
    assert_false(json_get_u64(object, "absent", &number));
    assert_string_equal(json_dump(arena, object).p, "{\"s\":\"text\",\"n\":5,\"m\":-5,\"x\":null}");
    arena_free(arena);
}

/* As few digits as tell the number from its neighbours; a reader gets the same one. */
static void doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.05, "-0.05"},
        {12, "12"},
        {-12.5, "-12.5"},
        {5e-9, "0.000000005"},
        {63.123456789, "63.123456789"},
        {-122.084, "-122.084"},
        {999999999999999, "999999999999999"},
        {1e300, "1e+300"},
        {1e-300, "1e-300"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123456.123456789, "123456.123456789"},
    };
    struct buf out;
    struct json_writer w;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_init(&out, 64);
        jw_init(&w, &out);
        jw_double(&w, cases[i].value);
        buf_add_char(&out, '\0');
        assert_string_equal(buf_slice(&out).p, cases[i].text);
        assert_true(strtod(buf_slice(&out).p, NULL) == cases[i].value);
        buf_fini(&out);
    }
}

static void writing(void **state)
{
    struct arena *arena = arena_new();
    struct buf out;
    struct json_writer w;

    buf_init(&out, 4096);
    jw_init(&w, &out);
    jw_object(&w);
    jw_str(&w, "a", SLICE("x"));
    jw_key(&w, "list");
    jw_array(&w);
    jw_i64(&w, INT64_MIN);
    jw_null(&w);
    jw_object(&w);
    jw_object_end(&w);
    jw_array(&w);
    jw_array_end(&w);
    jw_raw(&w, SLICE("[1]"));
    jw_double(&w, 0.1);
    jw_double(&w, 1.0 / 3);
    jw_double(&w, 1e300 * 1e300);
    jw_array_end(&w);
    jw_str_or_null(&w, "none", SLICE_NONE);
    jw_str_or_null(&w, "some", SLICE("s"));
    jw_int(&w, "n", -3);
    jw_flag(&w, "f", false);
    jw_flag(&w, "g", true);
    jw_time(&w, "t", 1685440800000);
    jw_time(&w, "never", 0);
    jw_moment(&w, "before", -459791450001);
    jw_object_end(&w);
    assert_true(slice_eq(
        buf_slice(&out),
        SLICE(
            "{\"a\":\"x\",\"list\":[-9223372036854775808,null,{},[],[1],0.1,"
            "0.3333333333333333,null],\"none\":null,\"some\":\"s\",\"n\":-3,\"f\":false,\"g\":true,"
            "\"t\":\"2023-05-30T10:00:00Z\",\"never\":null,"
            "\"before\":\"1955-06-07T08:09:09Z\"}")));
    assert_non_null(json_parse(arena, buf_slice(&out)));
    buf_fini(&out);
    arena_free(arena);
}

static void escaping(void **state)
{
    static const struct {
        struct slice text, json;
    } cases[] = {
        {S(""), S("\"\"")},
        {S("\"\\/"), S("\"\\\"\\\\/\"")},
        {S("a\b\t\n\v\f\r\x1f\x7f"), S("\"a\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\"")},
        {S("a\0b"), S("\"a\\u0000b\"")},
        {S("\xC3\xA9\xF0\x9F\x98\x80"), S("\"\xC3\xA9\xF0\x9F\x98\x80\"")},
        {S("a\xFF\xC3z"), S("\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"")},
        {S("\xE2\x82"), S("\"\xEF\xBF\xBD\xEF\xBF\xBD\"")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        struct json_writer w;

        buf_init(&out, 256);
        jw_init(&w, &out);
        jw_slice(&w, cases[i].text);
        assert_true(slice_eq(buf_slice(&out), cases[i].json));
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8),     cmocka_unit_test(parsing), cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(fields),   cmocka_unit_test(doubles), cmocka_unit_test(writing),
        cmocka_unit_test(escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
