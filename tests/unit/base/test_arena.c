#include "base/arena.h"
#include "base/memory.h"
#include "unit.h"

static char order[8];

static void note(void *arg)
{
    strncat(order, arg, sizeof order - strlen(order) - 1);
}

static void pieces_are_aligned_and_apart(void **state)
{
    struct arena *arena = arena_new();
    unsigned char *pieces[400];

    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        size_t n = i * 37 % 3000; /* small ones, and ones with a block of their own */

        pieces[i] = arena_alloc(arena, n);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), n);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t at = 0; at < i * 37 % 3000; at++)
            assert_int_equal(pieces[i][at], i & 0xFF);
    arena_free(arena);
}

static void a_big_piece_leaves_the_block_in_use(void **state)
{
    struct arena *arena = arena_new();
    char *before = arena_alloc(arena, 16);

    arena_alloc(arena, 1 << 20);
    char *after = arena_alloc(arena, 16);
    assert_ptr_equal(after, before + 16);
    arena_free(arena);
}

static void texts(void **state)
{
    struct arena *arena = arena_new();
    static const size_t widths[] = {0, 1, 254, 255, 256, 257, 5000};

    assert_string_equal(arena_cstr(arena, SLICE_NONE), "");
    assert_string_equal(arena_cstr(arena, (struct slice){"abcdef", 3}), "abc");
    assert_true(slice_eq(arena_dup(arena, SLICE("a\0b")), SLICE("a\0b")));
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        struct slice s = arena_printf(arena, "%*s", (int)widths[i], "");

        assert_int_equal(s.n, widths[i]);
        assert_int_equal(strlen(s.p), widths[i]);
    }
    assert_int_equal(*ARENA_NEW(arena, int), 0);
    arena_free(arena);
}

static void cleanups_run_last_first_and_once(void **state)
{
    static char names[][2] = {"a", "b", "c"};
    struct arena *arena = arena_new();

    order[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++)
        arena_defer(arena, note, names[i]);
    arena_reset(arena);
    assert_string_equal(order, "cba");
    arena_defer(arena, note, names[0]);
    arena_free(arena);
    assert_string_equal(order, "cbaa");
    arena_free(NULL);
}

static void reset_gives_the_memory_again(void **state)
{
    struct arena *arena = arena_new();
    void *first = arena_alloc(arena, 100);

    arena_alloc(arena, 100000);
    arena_reset(arena);
    assert_ptr_equal(arena_alloc(arena, 100), first);
    memset(arena_zalloc(arena, 3000), 1, 3000);
    arena_reset(arena);
    assert_int_equal(*(char *)arena_zalloc(arena, 3000), 0);
    arena_free(arena);
}

static void ask_for_too_much(void)
{
    arena_alloc(arena_new(), SIZE_MAX - 4);
}

static void impossible_sizes_abort(void **state)
{
    char text[1024];

    assert_true(unit_died(unit_run_in_child(ask_for_too_much, text, sizeof text)));
}

#ifdef __SANITIZE_ADDRESS__
static void use_after_reset(void)
{
    struct arena *arena = arena_new();
    volatile char *p = arena_zalloc(arena, 16);

    arena_reset(arena);
    p[0] = 1;
}

static void use_after_reset_is_found(void **state)
{
    char text[4096];

    assert_true(unit_died(unit_run_in_child(use_after_reset, text, sizeof text)));
    assert_non_null(strstr(text, "use-after-poison"));
}
#endif

struct object {
    uint32_t magic;
};

static void check_foreign(void)
{
    struct object object = {1};

    CAST_OBJ(struct object, &object, 2);
}

static void check_null(void)
{
    CAST_OBJ(struct object, NULL, 2);
}

static void magic_numbers(void **state)
{
    struct object object = {0x11223344};
    char text[256];

    assert_ptr_equal(CAST_OBJ(struct object, &object, 0x11223344), &object);
    assert_true(unit_died(unit_run_in_child(check_foreign, text, sizeof text)));
    assert_non_null(strstr(text, "struct object"));
    assert_true(unit_died(unit_run_in_child(check_null, text, sizeof text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_big_piece_leaves_the_block_in_use),
        cmocka_unit_test(texts),
        cmocka_unit_test(cleanups_run_last_first_and_once),
        cmocka_unit_test(reset_gives_the_memory_again),
        cmocka_unit_test(impossible_sizes_abort),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(use_after_reset_is_found),
#endif
        cmocka_unit_test(magic_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
