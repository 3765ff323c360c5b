/* Bodies and queries against tables: what passes, and everything that is said about the rest. */
#include "unit.h"

#include "gateway/validate.h"

static const struct slice kinds[] = {SLICE_INIT("image"), SLICE_INIT("video"), {0}};

static const struct body_field fields[] = {
    {.name = SLICE_INIT("name"),
     .type = FIELD_STRING,
     .required = true,
     .rule.min_length = 2,
     .rule.max_length = 4},
    {.name = SLICE_INIT("email"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_EMAIL,
     .rule.max_length = 254,
     .nullable = true},
    {.name = SLICE_INIT("url"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_URL,
     .rule.max_length = 2000},
    {.name = SLICE_INIT("at"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_DATE_TIME,
     .rule.max_length = 40},
    {.name = SLICE_INIT("user"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_USERNAME,
     .rule.max_length = 40},
    {.name = SLICE_INIT("kind"),
     .type = FIELD_STRING,
     .rule.max_length = UINT64_MAX,
     .values = kinds},
    {.name = SLICE_INIT("count"), .type = FIELD_INTEGER, .minimum = 1, .maximum = 10},
    {.name = SLICE_INIT("size"),
     .type = FIELD_INTEGER,
     .minimum = 1,
     .maximum = 100,
     .clamp = true},
    {.name = SLICE_INIT("public"), .type = FIELD_BOOLEAN},
    {.name = SLICE_INIT("tags"),
     .type = FIELD_STRING_ARRAY,
     .rule.min_length = 1,
     .rule.max_length = 3,
     .min_items = 1,
     .max_items = 2},
};
static const struct body_schema closed = {fields, COUNT_OF(fields), .additional = false};
static const struct body_schema lenient = {fields, COUNT_OF(fields), .additional = true};
static const struct body_schema optional = {fields + 1, COUNT_OF(fields) - 1, .optional = true};

static struct arena *arena;

static int setup(void **state)
{
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

struct body_case {
    const char *text;
    const char *field, *message; /* of the first complaint; NULL: it passes */
};

static void bodies_are_judged_field_by_field(void **state)
{
    static const struct body_case cases[] = {
        {"{\"name\":\"ab\"}", NULL, NULL},
        {" {\"name\":\"ab\"}\n", NULL, NULL},
        {"{\"name\":\"\\u00e4\\u00f6\"}", NULL, NULL},
        {"{\"name\":\"\xf0\x9f\x8e\xa5\xf0\x9f\x8e\xa5\xf0\x9f\x8e\xa5\xf0\x9f\x8e\xa5\"}", NULL,
         NULL},
        {"{\"name\":\"\xc3\xa4\"}", "name", "Must have at least 2 characters."},
        {"{\"name\":\"abcde\"}", "name", "Must have at most 4 characters."},
        {"{\"name\":7}", "name", "Must be a string."},
        {"{\"name\":null}", "name", "Must be a string."},
        {"{}", "name", "Is required."},
        {"{\"name\":\"ab\",\"email\":null}", NULL, NULL},
        {"{\"name\":\"ab\",\"email\":\"a@b\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"email\":\"first.last+tag@mail.example.com\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"email\":\"\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"@b\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a@\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a@b@c\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a b@c\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a@b..c\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a@-b\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"email\":\"a@b\\n\"}", "email", "Must be a valid email address."},
        {"{\"name\":\"ab\",\"url\":\"https://a.example/x?y=1#z\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"url\":\"HTTP://[::1]:80/\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"url\":\"ftp://a\"}", "url", "Must be an absolute http or https URL."},
        {"{\"name\":\"ab\",\"url\":\"http://\"}", "url", "Must be an absolute http or https URL."},
        {"{\"name\":\"ab\",\"url\":\"http:///x\"}", "url",
         "Must be an absolute http or https URL."},
        {"{\"name\":\"ab\",\"url\":\"http://a b\"}", "url",
         "Must be an absolute http or https URL."},
        {"{\"name\":\"ab\",\"url\":\"//a\"}", "url", "Must be an absolute http or https URL."},
        {"{\"name\":\"ab\",\"at\":\"2023-05-30T10:00:00Z\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"at\":\"yesterday\"}", "at",
         "Must be a time such as 2023-05-30T10:00:00Z."},
        {"{\"name\":\"ab\",\"user\":\"a.b-c_9\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"user\":\"a@b\"}", "user",
         "May have only letters, digits, '.', '-' and '_'."},
        {"{\"name\":\"ab\",\"kind\":\"video\"}", NULL, NULL},
        {"{\"name\":\"ab\",\"kind\":\"Video\"}", "kind", "Must be one of image, video."},
        {"{\"name\":\"ab\",\"count\":1}", NULL, NULL},
        {"{\"name\":\"ab\",\"count\":0}", "count", "Must be at least 1."},
        {"{\"name\":\"ab\",\"count\":11}", "count", "Must be at most 10."},
        {"{\"name\":\"ab\",\"count\":\"1\"}", "count", "Must be an integer."},
        {"{\"name\":\"ab\",\"count\":1.0}", "count", "Must be an integer."},
        {"{\"name\":\"ab\",\"public\":true}", NULL, NULL},
        {"{\"name\":\"ab\",\"public\":1}", "public", "Must be true or false."},
        {"{\"name\":\"ab\",\"tags\":[\"a\",\"b\"]}", NULL, NULL},
        {"{\"name\":\"ab\",\"tags\":[]}", "tags", "Must have at least 1 items."},
        {"{\"name\":\"ab\",\"tags\":[\"a\",\"b\",\"c\"]}", "tags", "Must have at most 2 items."},
        {"{\"name\":\"ab\",\"tags\":[\"a\",7]}", "tags[1]", "Must be a string."},
        {"{\"name\":\"ab\",\"tags\":[\"\"]}", "tags[0]", "Must not be empty."},
        {"{\"name\":\"ab\",\"tags\":\"a\"}", "tags", "Must be a list of strings."},
        {"{\"name\":\"ab\",\"id\":1}", "id", "Is not a field of this operation."},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct body_case *c = &cases[i];
        struct field_errors errors;
        json_t *body = NULL;
        enum err err = validate_body(arena, &closed, slice_from(c->text), &body, &errors);

        assert_int_equal(err, c->field ? ERR_VALIDATION : OK);
        assert_int_equal(errors.n, c->field ? 1 : 0);
        if (!c->field)
            continue;
        assert_string_equal(arena_cstr(arena, errors.list[0].field), c->field);
        assert_string_equal(arena_cstr(arena, errors.list[0].message), c->message);
    }
}

static void all_problems_are_listed(void **state)
{
    struct field_errors errors;
    json_t *body;

    assert_int_equal(validate_body(arena, &closed,
                                   SLICE("{\"email\":\"x\",\"count\":99,\"more\":1,\"kind\":2}"),
                                   &body, &errors),
                     ERR_VALIDATION);
    assert_int_equal(errors.n, 5);
}

static void the_list_of_problems_is_bounded(void **state)
{
    struct slice text = SLICE("{\"name\":\"ab\"");
    struct field_errors errors;
    json_t *body;

    for (int i = 0; i < 100; i++)
        text = arena_printf(arena, "%.*s,\"x%d\":1", SLICE_ARG(text), i);
    text = arena_printf(arena, "%.*s}", SLICE_ARG(text));
    assert_int_equal(validate_body(arena, &closed, text, &body, &errors), ERR_VALIDATION);
    assert_int_equal(errors.n, FIELD_ERRORS_MAX);
    assert_int_equal(validate_body(arena, &lenient, text, &body, &errors), OK);
}

static void what_is_no_object_has_no_details(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "[]",
        "null",
        "\"name\"",
        "{\"name\":\"ab\"",
        "{\"name\":\"ab\"}}",
        "{\"name\":\"ab\",\"name\":\"cd\"}",
        "{\"name\":\"a\\u0000\"}",
        "{\"name\":\"\xff\xff\"}",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct field_errors errors;
        json_t *body;
        assert_int_equal(validate_body(arena, &closed, slice_from(texts[i]), &body, &errors),
                         ERR_VALIDATION);
        assert_int_equal(errors.n, 0);
    }
}

static void an_optional_body_may_be_absent(void **state)
{
    struct field_errors errors;
    json_t *body;

    assert_int_equal(validate_body(arena, &optional, SLICE(" "), &body, &errors), OK);
    assert_int_equal(json_object_size(body), 0);
    assert_int_equal(validate_body(arena, &optional, SLICE("{\"x\":1}"), &body, &errors),
                     ERR_VALIDATION);
}

static void integers_above_the_maximum_are_lowered_where_the_schema_says_so(void **state)
{
    struct field_errors errors;
    json_t *body;

    assert_int_equal(
        validate_body(arena, &closed, SLICE("{\"name\":\"ab\",\"size\":5000}"), &body, &errors),
        OK);
    assert_int_equal(json_integer_value(json_object_get(body, "size")), 100);
}

struct query_case {
    const char *name, *value;
    const char *then; /* the value afterwards; NULL: refused */
};

static void queries_are_judged_like_bodies(void **state)
{
    static const struct query_case cases[] = {
        {"size", "1", "1"},
        {"size", "100", "100"},
        {"size", "101", "100"},
        {"size", "99999999999999999999999", "100"},
        {"size", "0", NULL},
        {"size", "-1", NULL},
        {"size", "", NULL},
        {"size", "ten", NULL},
        {"size", "1.0", NULL},
        {"size", "+1", NULL},
        {"size", "0x10", NULL},
        {"count", "11", NULL},
        {"count", "99999999999999999999999", NULL},
        {"kind", "image", "image"},
        {"kind", "", NULL},
        {"public", "true", "true"},
        {"public", "yes", NULL},
        {"tags", "a,b", "a,b"},
        {"tags", "a,b,c", NULL},
        {"tags", "a,", NULL},
        {"email", "\xff", NULL},
        {"unknown", "x", "x"},
    };
    const struct body_schema schema = {fields + 1, COUNT_OF(fields) - 1, .additional = true};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct query_case *c = &cases[i];
        struct slice name = slice_from(c->name), value = slice_from(c->value);
        struct field_errors errors;
        enum err err = validate_query(arena, &schema, &name, &value, 1, &errors);

        assert_int_equal(err, c->then ? OK : ERR_VALIDATION);
        if (c->then)
            assert_string_equal(arena_cstr(arena, value), c->then);
        else
            assert_string_equal(arena_cstr(arena, errors.list[0].field), c->name);
    }
}

static void query_parameters_are_given_once_and_where_they_must(void **state)
{
    struct slice names[] = {SLICE("name"), SLICE("name")};
    struct slice values[] = {SLICE("ab"), SLICE("cd")};
    struct field_errors errors;

    assert_int_equal(validate_query(arena, &lenient, names, values, 2, &errors), ERR_VALIDATION);
    assert_int_equal(validate_query(arena, &lenient, names, values, 1, &errors), OK);
    assert_int_equal(validate_query(arena, &lenient, names, values, 0, &errors), ERR_VALIDATION);
    names[1] = SLICE("other");
    assert_int_equal(validate_query(arena, &closed, names, values, 2, &errors), ERR_VALIDATION);
    assert_string_equal(arena_cstr(arena, errors.list[0].field), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_judged_field_by_field),
        cmocka_unit_test(all_problems_are_listed),
        cmocka_unit_test(the_list_of_problems_is_bounded),
        cmocka_unit_test(what_is_no_object_has_no_details),
        cmocka_unit_test(an_optional_body_may_be_absent),
        cmocka_unit_test(integers_above_the_maximum_are_lowered_where_the_schema_says_so),
        cmocka_unit_test(queries_are_judged_like_bodies),
        cmocka_unit_test(query_parameters_are_given_once_and_where_they_must),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
