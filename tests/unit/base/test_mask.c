#include "base/mask.h"
#include "unit.h"

static struct arena *arena;
static struct mask mask;

static int set_up(void **state)
{
    arena = arena_new();
    mask_init(&mask, arena);
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

static void check_laid_over(const struct mask *over, const char *text, const char *expected)
{
    size_t n = strlen(text);

    /* However the bytes are cut into pieces. */
    for (size_t piece = 1; piece <= n; piece++) {
        char *bytes = arena_cstr(arena, slice_from(text));

        for (size_t at = 0; at < n; at += piece)
            mask_apply(over, at, bytes + at, n - at < piece ? n - at : piece);
        assert_string_equal(bytes, expected);
    }
}

static struct mask again(const struct mask *from)
{
    struct mask back;
    struct buf buf;

    buf_init(&buf, MASK_MAX_BYTES);
    assert_true(mask_format(from, &buf));
    assert_true(mask_parse(arena, arena_dup(arena, buf_slice(&buf)), &back));
    buf_fini(&buf);
    return back;
}

static void test_nothing(void **state)
{
    mask_finish(&mask);
    struct mask back = again(&mask);

    assert_int_equal(back.n, 0);
    check_laid_over(&back, "as it is", "as it is");
}

static void test_ranges(void **state)
{
    mask_add(&mask, 8, 2, '-');
    mask_add(&mask, 2, 3, '#');
    mask_put(&mask, 5, SLICE("xy"));
    mask_add(&mask, 3, 0, '!');
    mask_finish(&mask);
    struct mask back = again(&mask);

    check_laid_over(&mask, "0123456789ab", "01###xy7--ab");
    check_laid_over(&back, "0123456789ab", "01###xy7--ab");
    check_laid_over(&back, "0123", "01##");
}

static void test_overlaps(void **state)
{
    mask_add(&mask, 4, 4, 'b');
    mask_add(&mask, 4, 2, 'c');
    mask_add(&mask, 1, 4, 'a');
    mask_add(&mask, 2, 1, 'd');
    mask_add(&mask, 6, 5, 'e');
    mask_finish(&mask);
    struct mask back = again(&mask);

    check_laid_over(&back, "0123456789ab", "0aaaabbbeeeb");
}

static void test_too_many(void **state)
{
    for (uint64_t i = 0; i < MASK_MAX_RANGES; i++)
        mask_add(&mask, 2 * i, 1, 0);
    assert_false(mask.overflow);
    mask_add(&mask, 0, 1, 0);
    assert_true(mask.overflow);
}

static void test_files_of_others(void **state)
{
#define NUMBER(c) c "\0\0\0\0\0\0\0"
    static const struct slice refused[] = {
        SLICE_INIT(""),
        SLICE_INIT("mask 1"),
        SLICE_INIT("mask 2\n"),
        SLICE_INIT(MASK_HEAD "x"),
        SLICE_INIT(MASK_HEAD NUMBER("\1") NUMBER("\0") "f"), /* empty */
        SLICE_INIT(MASK_HEAD NUMBER("\1") NUMBER("\2") "f" NUMBER("\2")
                       NUMBER("\1") "f"), /* overlap */
        SLICE_INIT(MASK_HEAD NUMBER("\5") NUMBER("\1") "f" NUMBER("\2")
                       NUMBER("\1") "f"), /* order */
        SLICE_INIT(MASK_HEAD NUMBER("\1") "\xff\xff\xff\xff\xff\xff\xff\xff"
                                          "f"), /* wraps */
    };

    assert_true(mask_parse(arena, SLICE(MASK_HEAD NUMBER("\1") NUMBER("\2") "f"), &mask));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_false(mask_parse(arena, refused[i], &mask));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overlaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_of_others, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
