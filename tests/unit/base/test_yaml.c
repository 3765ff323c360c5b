#include "base/yaml.h"
#include "unit.h"

#define S(text) SLICE_INIT(text)

static struct arena *arena;

static void what_is_understood(void **state)
{
    static const struct {
        struct slice yaml, json;
    } cases[] = {
        {S("a: 1"), S("{\"a\":1}")},
        {S("---\na: 1\n..."), S("{\"a\":1}")},
        {S("# a comment\na: 1 # another"), S("{\"a\":1}")},
        {S("\xEF\xBB\xBF"
           "a: 1"),
         S("{\"a\":1}")},
        {S("%YAML 1.2\n---\na: 1"), S("{\"a\":1}")},
        {S("---"), S("null")},
        {S("a:\r\n  b:\r\n    - c\r\n"), S("{\"a\":{\"b\":[\"c\"]}}")},
        {S("a:\n- 1\n- - 2\n  - b: 3\n"), S("{\"a\":[1,[2,{\"b\":3}]]}")},
        {S("{a: [1, {b: }], 'c': \"d\"}"), S("{\"a\":[1,{\"b\":null}],\"c\":\"d\"}")},
        {S("[]"), S("[]")},
        {S("{}"), S("{}")},
        {S("b: 1\na: 2"), S("{\"b\":1,\"a\":2}")},
        {S("? a\n: 1"), S("{\"a\":1}")},
        {S("|\n two\n lines\n"), S("\"two\\nlines\\n\"")},
        {S(">\n one\n line\n"), S("\"one line\\n\"")},
        {S("\"\\x41\\u00e9\\U0001F600\\e\""), S("\"A\xC3\xA9\xF0\x9F\x98\x80\\u001B\"")},
        {S("a plain text"), S("\"a plain text\"")},
        {S("a: \xC3\xA9"), S("{\"a\":\"\xC3\xA9\"}")},
        /* keys are texts as written */
        {S("1: a\ntrue: b\n~: c\n1.50: d"),
         S("{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"1.50\":\"d\"}")},
        {S("'<<': a"), S("{\"<<\":\"a\"}")},
        {S("!!str 1: a"), S("{\"1\":\"a\"}")},
        /* aliases */
        {S("a: &x [1, {b: 2}]\nc: *x"), S("{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}]}")},
        {S("[&x 1, *x, &x 2, *x]"), S("[1,1,2,2]")},
        {S("&x [&x 1, *x]"), S("[1,1]")},
        {S("[&x {}, &y [*x, *x], *y]"), S("[{},[{},{}],[{},{}]]")},
        /* tags of the core schema */
        {S("[!!str 1, !!int '1', !!float 1, !!null '', !!bool 'true', !!seq [], !!map {}]"),
         S("[\"1\",1,1.0,null,true,[],{}]")},
        {S("[! 'text', ! 12, ! [], ! {}]"), S("[\"text\",\"12\",[],{}]")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem;
        const json_t *value = yaml_parse(arena, cases[i].yaml, &problem);

        if (!value)
            fail_msg("%s: %s", cases[i].yaml.p, problem.p);
        assert_int_equal(problem.n, 0);
        assert_string_equal(json_dump(arena, value).p, cases[i].json.p);
    }
}

/* Each stands alone in a list; "" in json: it is a text. */
static void plain_scalars(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"null", "null"},
        {"Null", "null"},
        {"NULL", "null"},
        {"~", "null"},
        {"nUll", ""},
        {"true", "true"},
        {"True", "true"},
        {"TRUE", "true"},
        {"false", "false"},
        {"False", "false"},
        {"FALSE", "false"},
        {"yes", ""},
        {"no", ""},
        {"on", ""},
        {"y", ""},
        {"0", "0"},
        {"-0", "0"},
        {"+12", "12"},
        {"-12", "-12"},
        {"007", "7"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"0000000000000000000000000000001", "1"},
        {"0o17", "15"},
        {"0o18", ""},
        {"0o", ""},
        {"-0o7", ""},
        {"0x1F", "31"},
        {"0xfg", ""},
        {"0x0x1", ""},
        {"0x", ""},
        {"-0x1", ""},
        {"0b1", ""},
        {"1_000", ""},
        {"1:30", ""},
        {"1.5", "1.5"},
        {"-1.5", "-1.5"},
        {"+.5", "0.5"},
        {"1.", "1.0"},
        {"1e3", "1000.0"},
        {"1E+3", "1000.0"},
        {"1.5e-3", "0.0015"},
        {".", ""},
        {"-x", ""},
        {"+", ""},
        {"-.", ""},
        {".e1", ""},
        {"1e", ""},
        {"1e+", ""},
        {"1.2.3", ""},
        {"1e3x", ""},
        {"inf", ""},
        {"nan", ""},
        {"1M", ""},
        {"30m", ""},
        {"2001-12-14", ""},
        {"x", ""},
        {"'1'", "\"1\""},
        {"\"true\"", "\"true\""},
        {"'~'", "\"~\""},
        {"''", "\"\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem, yaml = arena_printf(arena, "a: %s\n", cases[i].yaml);
        const json_t *value = json_object_get(yaml_parse(arena, yaml, &problem), "a");

        if (!value)
            fail_msg("%s: %s", cases[i].yaml, problem.p);
        if (cases[i].json[0]) {
            assert_string_equal(json_dump(arena, value).p, cases[i].json);
        } else {
            assert_true(json_is_string(value));
            assert_string_equal(json_string_value(value), cases[i].yaml);
        }
    }
}

static void what_is_refused(void **state)
{
    static const struct {
        struct slice yaml;
        const char *problem;
    } cases[] = {
        {S(""), "line 1, column 1: there is no document"},
        {{NULL, 0}, "line 1, column 1: there is no document"},
        {S("# nothing\n"), "line 2, column 1: there is no document"},
        {S("a: 1\n---\nb: 2"), "line 2, column 1: only one document is allowed"},
        {S("a: 1\n...\n---\n"), "line 3, column 1: only one document is allowed"},
        {S("---\n---\n"), "line 2, column 1: only one document is allowed"},
        {S("a: 1\nb: 2\na: 3"), "line 3, column 1: this key is there already"},
        {S("{a: 1, 'a': 2}"), "line 1, column 8: this key is there already"},
        {S("1: x\n'1': y"), "line 2, column 1: this key is there already"},
        {S("? [a]\n: 1"), "line 1, column 3: a key must be a text"},
        {S("? {a: 1}\n: 1"), "line 1, column 3: a key must be a text"},
        {S("!!int 1: a"), "line 1, column 1: a key must be a text"},
        {S("&x a: 1"), "line 1, column 1: a key must not have an anchor"},
        {S("a: &x b\n*x : 1"), "line 2, column 1: a key must not be an alias"},
        {S("a: &x {b: 1}\nc:\n  <<: *x"), "line 3, column 3: merge keys are not supported"},
        {S("a: *x"), "line 1, column 4: an alias of an unknown anchor"},
        {S("a: &x [*x]"), "line 1, column 8: an alias inside of what it stands for"},
        {S("&x a: {b: [*x]}"), "line 1, column 1: a key must not have an anchor"},
        {S("--- &x\na:\n  b: [*x]"), "line 3, column 7: an alias inside of what it stands for"},
        {S("a: !secret b"), "line 1, column 4: a tag that is unknown or does not fit"},
        {S("a: !!binary aGk="), "line 1, column 4: a tag that is unknown or does not fit"},
        {S("a: !!int b"), "line 1, column 4: a tag that is unknown or does not fit"},
        {S("a: !!null b"), "line 1, column 4: a tag that is unknown or does not fit"},
        {S("!!set {a: 1}"), "line 1, column 1: a tag that is unknown or does not fit"},
        {S("!!map []"), "line 1, column 1: a tag that is unknown or does not fit"},
        {S("a: 9223372036854775808"), "line 1, column 4: a number out of range"},
        {S("a: -9223372036854775809"), "line 1, column 4: a number out of range"},
        {S("a: 0xffffffffffffffff"), "line 1, column 4: a number out of range"},
        {S("a: 1e999"), "line 1, column 4: a number out of range"},
        {S("a: -.inf"), "line 1, column 4: a number out of range"},
        {S("a: .NaN"), "line 1, column 4: a number out of range"},
        {S("a: !!float .nan"), "line 1, column 4: a number out of range"},
        {S("a: \"b\\0\""), "line 1, column 4: a NUL character"},
        {S("\"a\\0\": b"), "line 1, column 1: a NUL character"},
        {S("a: b\0"), "line 1, column 5: control characters are not allowed"},
        {S("a: 1\nb: \x01"), "line 2, column 4: control characters are not allowed"},
        {S("a: 1\nb: \xFF"), "line 2, column 4: invalid leading UTF-8 octet"},
        {S("a: \xED\xA0\x80"), "line 1, column 4: invalid Unicode character"},
        {S("a: \xC0\x80"), "line 1, column 4: invalid length of a UTF-8 sequence"},
        {S("\xFF\xFE"
           "a\0"),
         "line 1, column 1: the text is not UTF-8"},
        {S("\xFE\xFF\0a"), "line 1, column 1: the text is not UTF-8"},
        {S("a: \"\\ud800\""), "line 1, column 7: found invalid Unicode character escape code"},
        {S("a: [1"), "line 2, column 1: did not find expected ',' or ']'"},
        {S("a: b: c"), "line 1, column 5: mapping values are not allowed in this context"},
        {S("a:\n\tb: 1"), "line 2, column 1: found character that cannot start any token"},
        {S("a: 'b"), "line 1, column 6: found unexpected end of stream"},
        {S("a: %b"), "line 1, column 4: found character that cannot start any token"},
        {S("a: 1\n b: 2"), "line 2, column 3: mapping values are not allowed in this context"},
        {S("%YAML 2.0\n---\na"), "line 1, column 1: found incompatible YAML document"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice problem;

        assert_null(yaml_parse(arena, cases[i].yaml, &problem));
        assert_string_equal(problem.p, cases[i].problem);
    }
}

static bool parses(struct buf *text, const char *problem)
{
    struct slice found;
    bool good = yaml_parse(arena, buf_slice(text), &found) != NULL;

    assert_false(text->overflow);
    assert_int_equal(good, found.n == 0);
    if (!good && !strstr(found.p, problem))
        fail_msg("%s", found.p);
    buf_fini(text);
    return good;
}

static void repeat(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_add(out, slice_from(text));
}

/* head, body so many times, middle, tail so many times */
struct shape {
    const char *head, *body, *middle, *tail;
    size_t times;
    bool good;
};

static void check_shapes(const struct shape *shapes, size_t n, const char *problem)
{
    for (size_t i = 0; i < n; i++) {
        const struct shape *shape = &shapes[i];
        struct buf text;

        buf_init(&text, 1 << 20);
        repeat(&text, shape->head, 1);
        repeat(&text, shape->body, shape->times);
        repeat(&text, shape->middle, 1);
        repeat(&text, shape->tail, shape->times);
        assert_int_equal(parses(&text, problem), shape->good);
    }
}

static void depth_is_bounded(void **state)
{
    static const struct shape shapes[] = {
        {"", "[", "1", "]", YAML_MAX_DEPTH, true},
        {"", "[", "1", "]", YAML_MAX_DEPTH + 1, false},
        {"", "[", "", "]", 100000, false},
        {"", "{a: ", "", "}", YAML_MAX_DEPTH, true},
        {"", "{a: ", "", "}", YAML_MAX_DEPTH + 1, false},
        {"", "- ", "1", "", YAML_MAX_DEPTH, true},
        {"", "- ", "1", "", YAML_MAX_DEPTH + 1, false},
        {"", "- ", "1", "", 100000, false},
        {"", "? ", "1", "", 100000, false},
        /* what an alias stands for counts where it is used */
        {"- &x [[1]]\n- ", "[", "*x", "]", YAML_MAX_DEPTH - 3, true},
        {"- &x [[1]]\n- ", "[", "*x", "]", YAML_MAX_DEPTH - 2, false},
        {"- &y [&x [[1]], *x]\n- ", "[", "*y", "]", YAML_MAX_DEPTH - 4, true},
        {"- &y [&x [[1]], *x]\n- ", "[", "*y", "]", YAML_MAX_DEPTH - 3, false},
        {"- &x [1]\n- &y [*x]\n- ", "[", "*y", "]", YAML_MAX_DEPTH - 3, true},
        {"- &x [1]\n- &y [*x]\n- ", "[", "*y", "]", YAML_MAX_DEPTH - 2, false},
    };

    check_shapes(shapes, COUNT_OF(shapes), "");
}

static void values_are_bounded(void **state)
{
    static const struct shape shapes[] = {
        {"[", "1,", "]", "", YAML_MAX_NODES - 1, true},
        {"[", "1,", "]", "", YAML_MAX_NODES, false},
        /* a list, a list of nine, and nine more of this: 1 + 10 + 10 * 998 */
        {"[&x [1,1,1,1,1,1,1,1,1],", "*x,", "]", "", 998, true},
        {"[&x [1,1,1,1,1,1,1,1,1],", "*x,", "]", "", 999, false},
    };

    check_shapes(shapes, COUNT_OF(shapes), "more values");
}

static void text_is_bounded(void **state)
{
    static const struct shape shapes[] = {
        {"", "x", "", "", YAML_MAX_BYTES, true},
        {"", "x", "", "", YAML_MAX_BYTES + 1, false},
    };
    struct buf text;

    check_shapes(shapes, COUNT_OF(shapes), "longer than");
    buf_init(&text, 1 << 20);
    repeat(&text, "- &x ", 1);
    repeat(&text, "x", YAML_MAX_BYTES / 2);
    repeat(&text, "\n- *x\n", 1);
    assert_true(parses(&text, ""));
    buf_init(&text, 1 << 20);
    repeat(&text, "- &x ", 1);
    repeat(&text, "x", YAML_MAX_BYTES / 2);
    repeat(&text, "\n- *x\n- y\n", 1);
    assert_false(parses(&text, "more text"));
}

static void a_billion_laughs(void **state)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    repeat(&text, "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n", 1);
    for (int i = 1; i < 10; i++)
        buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_false(parses(&text, "line 5, column 10: more values"));

    buf_init(&text, 1 << 20);
    for (int i = 0; i <= YAML_MAX_ANCHORS; i++)
        buf_printf(&text, "- &a%d x\n", i);
    assert_false(parses(&text, "line 65, column 3: more anchors"));
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_understood), cmocka_unit_test(plain_scalars),
        cmocka_unit_test(what_is_refused),    cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(values_are_bounded), cmocka_unit_test(text_is_bounded),
        cmocka_unit_test(a_billion_laughs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
