#include "unit.h"

#include "gateway/download.h"

static void test_disposition(void **state)
{
    static const struct {
        const char *filename, *value;
    } rows[] = {
        {"", "inline"},
        {"a b.jpg", "inline; filename=\"a b.jpg\""},
        {"\xc3\xa4.jpg", "inline; filename=\"__.jpg\"; filename*=UTF-8''%C3%A4.jpg"},
        {"a\"b\\c%22.jpg",
         "inline; filename=\"a_b_c_22.jpg\"; filename*=UTF-8''a%22b%5Cc%2522.jpg"},
        {"a\r\nSet-Cookie: x", "inline; filename=\"a__Set-Cookie: x\"; "
                               "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice got = download_disposition(arena, "inline", slice_from(rows[i].filename));

        if (!slice_eq(got, slice_from(rows[i].value)))
            fail_msg("%s: %.*s", rows[i].filename, SLICE_ARG(got));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disposition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
