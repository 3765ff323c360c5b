/* What is told to people of a program's last words. */
#include "unit.h"
#include "workers/tail.h"

static void test_tails(void **state)
{
    static const struct {
        const char *said, *told;
    } cases[] = {
        {"", ""},
        {"\n\n", ""},
        {"one\n", "one"},
        {"one\ntwo", "one; two"},
        {"one\none\none\ntwo\n", "one; two"},
        {"[mov,mp4 @ 0x55d0c8a3b1c0] moov atom not found\n", "[mov,mp4] moov atom not found"},
        {"/dev/fd/3: Invalid data found when processing input\n",
         "the file: Invalid data found when processing input"},
        {"cannot open '/srv/hub/store/blobs/ab/cd/abcd'.\n", "cannot open 'the file'."},
        {"file=/srv/hub/x, 3/4 of it, and/or 1/2/3\n", "file=the file, 3/4 of it, and/or 1/2/3"},
        {"a / b /c\n", "a / b /c"},
        {"bad\nLast message repeated 3 times\n", "bad"},
        {"tab\there\x01\x7f\n", "tab here"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n", "3; 4; 5; 6; 7; 8"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(arena_cstr(arena, tail_for_people(arena, slice_from(cases[i].said))),
                            cases[i].told);
    arena_free(arena);
}

static void test_it_is_bounded(void **state)
{
    struct arena *arena = arena_new();
    char *line = arena_alloc(arena, 5001);

    memset(line, 'a', 5000);
    line[5000] = '\0';
    assert_int_equal(tail_for_people(arena, slice_from(line)).n, TAIL_MAX_BYTES);
    struct slice said = arena_printf(arena, "%.*s\nshort", TAIL_MAX_BYTES, line);
    assert_string_equal(arena_cstr(arena, tail_for_people(arena, said)), "short");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tails),
        cmocka_unit_test(test_it_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
