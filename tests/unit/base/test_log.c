#include "base/json.h"
#include "base/log.h"
#include "unit.h"

#include <uv.h>

static char text[1 << 20];
static char big[9000];

static void quote(void)
{
    const char *name = "x";

    log_init("gate\"way", LOG_INFO);
    log_event(LOG_DEBUG, "unseen");
    log_event(LOG_WARN, "delivery_failed", F("endpoint", SLICE("e\n\"1\"")), F("status", 503),
              F("name", name), F("bytes", SLICE("\xFF")));
    log_event(LOG_ERROR, "alone");
}

/* Reads the lines one by one; each must be one JSON object. */
static json_t *next_line(struct arena *arena, struct slice *rest)
{
    struct slice line;

    assert_true(slice_split(*rest, '\n', &line, rest));
    json_t *object = json_parse(arena, line);
    assert_true(json_is_object(object));
    return object;
}

static void lines_are_objects(void **state)
{
    struct arena *arena = arena_new();

    assert_int_equal(unit_run_in_child(quote, text, sizeof text), 0);
    struct slice rest = slice_from(text);
    json_t *first = next_line(arena, &rest);
    assert_true(slice_eq(json_get_slice(first, "level"), SLICE("warn")));
    assert_true(slice_eq(json_get_slice(first, "process"), SLICE("gate\"way")));
    assert_true(slice_eq(json_get_slice(first, "event"), SLICE("delivery_failed")));
    assert_true(slice_eq(json_get_slice(first, "endpoint"), SLICE("e\n\"1\"")));
    assert_true(slice_eq(json_get_slice(first, "name"), SLICE("x")));
    assert_int_equal(json_integer_value(json_object_get(first, "status")), 503);
    assert_int_equal(json_get_slice(first, "time").n, strlen("2023-05-30T10:00:00.000Z"));
    json_t *second = next_line(arena, &rest);
    assert_true(slice_eq(json_get_slice(second, "event"), SLICE("alone")));
    assert_int_equal(rest.n, 0);
    arena_free(arena);
}

static void say_much(void)
{
    memset(big, 'x', sizeof big);
    struct slice all = {big, sizeof big};
    memset(big, '\x01', 1024);
    log_event(LOG_INFO, "much", F("escaped", all), F("after", 1));
    memset(big, 'x', 1024);
    log_event(LOG_INFO, "cut", F("text", all), F("after", 1));
}

static void long_lines_stay_valid(void **state)
{
    struct arena *arena = arena_new();

    assert_int_equal(unit_run_in_child(say_much, text, sizeof text), 0);
    struct slice rest = slice_from(text);
    json_t *first = next_line(arena, &rest);
    assert_true(json_is_true(json_object_get(first, "truncated")));
    json_t *second = next_line(arena, &rest);
    assert_int_equal(json_get_slice(second, "text").n, 1024);
    assert_int_equal(json_integer_value(json_object_get(second, "after")), 1);
    arena_free(arena);
}

static void chatter(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_event(LOG_INFO, "line", F("text", SLICE("some words that make the line longer")),
                  F("i", i));
}

static void many_threads(void)
{
    uv_thread_t threads[4];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        uv_thread_create(&threads[i], chatter, NULL);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        uv_thread_join(&threads[i]);
}

static void threads_do_not_mix_lines(void **state)
{
    struct arena *arena = arena_new();
    size_t lines = 0;

    assert_int_equal(unit_run_in_child(many_threads, text, sizeof text), 0);
    for (struct slice rest = slice_from(text); rest.n; lines++)
        next_line(arena, &rest);
    assert_int_equal(lines, 2000);
    arena_free(arena);
}

static void levels(void **state)
{
    enum log_level level = LOG_DEBUG;

    assert_true(log_level_parse(SLICE("error"), &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse(SLICE("ERROR"), &level));
    assert_false(log_level_parse(SLICE(""), &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_objects),
        cmocka_unit_test(long_lines_stay_valid),
        cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
