/* Rows of variants: the words of a record, the number of older ones, names of files. */
#include "unit.h"

#include "store/variant.h"

#include <string.h>

#define ETAG "0123456789abcdef0123456789abcdef"

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

static const char *file_of(const struct variant_made *made)
{
    static char name[VARIANT_FILE_BYTES];

    variant_file_name(name, made->file->name, made->etag);
    return name;
}

static void test_rows_are_read_as_they_were_written(void **state)
{
    const struct variant_file *jpeg = &variant_row(VARIANT_SMALL)->now;
    const struct variant_made small = {jpeg, 10233, SLICE(ETAG), false};
    const struct variant_made film = {&variant_row(VARIANT_720P)->now, UINT64_C(1) << 40,
                                      SLICE(ETAG), false};
    struct slice rows[] = {variant_format(arena, VARIANT_SMALL, &small),
                           variant_format(arena, VARIANT_720P, &film)};
    struct variant_made back;

    assert_string_equal(arena_cstr(arena, rows[0]), "small image/jpeg 10233 " ETAG);
    assert_true(variant_find(rows, 2, VARIANT_SMALL, &back));
    assert_true(back.file == jpeg && back.size == 10233 && slice_eq(back.etag, SLICE(ETAG)));
    assert_string_equal(file_of(&back), "small-" ETAG ".jpg");
    assert_true(variant_find(rows, 2, VARIANT_720P, &back));
    assert_true(back.size == UINT64_C(1) << 40);
    assert_string_equal(file_of(&back), "720p-" ETAG ".mp4");
    assert_false(variant_exists(rows, 2, VARIANT_LARGE));
    assert_false(variant_exists(rows, 0, VARIANT_SMALL));
    assert_false(variant_outdated(rows, 2));
}

static void test_what_is_no_row_of_ours(void **state)
{
    static const char *const wrong[] = {
        "",
        "small",
        "small image/jpeg",
        "small image/jpeg 12",
        "small image/jpeg 12 ",
        "small image/jpeg 12 -",
        "small image/jpeg 12 ../../../../../../../../etc/passwd",
        "small image/jpeg 12 0123456789ABCDEF0123456789abcdef",
        "small image/jpeg 12 " ETAG "0",
        "small image/avif 12 " ETAG,
        "small video/mp4 12 " ETAG,
        "smaller image/jpeg 12 " ETAG,
        "small  image/jpeg 12 " ETAG,
        " small image/jpeg 12 " ETAG,
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct slice row = slice_from(wrong[i]);
        assert_false(variant_exists(&row, 1, VARIANT_SMALL));
    }
}

/* Bits as version 0.1 wrote them, and those of the JPEG that came after it. */
static void test_the_number_of_older_records(void **state)
{
    static const struct {
        const char *number;
        enum variant variant;
        const char *file, *mime;
    } cases[] = {
        {"7", VARIANT_SMALL, "small.webp", "image/webp"},
        {"7", VARIANT_MEDIUM, "medium.webp", "image/webp"},
        {"7", VARIANT_LARGE, "large.webp", "image/webp"},
        {"7", VARIANT_720P, NULL, NULL},
        {"224", VARIANT_SMALL, "small.jpg", "image/jpeg"},
        {"224", VARIANT_LARGE, "large.jpg", "image/jpeg"},
        {"24", VARIANT_720P, "720p.mp4", "video/mp4"},
        {"24", VARIANT_PRIVATE, "private.mask", "application/octet-stream"},
        {"24", VARIANT_SMALL, NULL, NULL},
        {"0", VARIANT_PRIVATE, NULL, NULL},
        {"4294967295", VARIANT_PRIVATE, "private.mask", "application/octet-stream"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice number = slice_from(cases[i].number);
        struct variant_made made;

        assert_int_equal(variant_find(&number, 1, cases[i].variant, &made), cases[i].file != NULL);
        if (!cases[i].file)
            continue;
        assert_string_equal(file_of(&made), cases[i].file);
        assert_string_equal(made.file->mime, cases[i].mime);
        assert_true(made.etag.n == 0 && made.size == 0);
    }
}

/* Asked for once, they are no longer outdated; they stay what they are until the new one is there,
 * and rows that were made of a number say as much as it did. */
static void test_asked(void **state)
{
    struct slice number = SLICE("23"); /* WebP in three sizes, and a mask */
    bool lost[VARIANT_COUNT] = {[VARIANT_MEDIUM] = true};
    struct variant_made made;
    size_t n, again_n;

    assert_true(variant_outdated(&number, 1));
    struct slice *rows = variant_asked(arena, &number, 1, lost, &n);
    assert_int_equal(n, 3);
    assert_false(variant_outdated(rows, n));
    assert_false(variant_exists(rows, n, VARIANT_MEDIUM));
    assert_true(variant_find(rows, n, VARIANT_SMALL, &made));
    assert_string_equal(file_of(&made), "small.webp");
    assert_true(made.asked && made.etag.n == 0);
    assert_true(variant_find(rows, n, VARIANT_PRIVATE, &made) && !made.asked);
    struct slice *again = variant_asked(arena, rows, n, NULL, &again_n);
    assert_int_equal(again_n, n);
    for (size_t i = 0; i < n; i++)
        assert_true(slice_eq(again[i], rows[i]));

    struct slice former = SLICE("large image/webp 12 " ETAG);
    assert_true(variant_outdated(&former, 1));
    rows = variant_asked(arena, &former, 1, NULL, &n);
    assert_int_equal(n, 1);
    assert_string_equal(arena_cstr(arena, rows[0]), "large image/webp 12 " ETAG " asked");
    assert_true(variant_find(rows, n, VARIANT_LARGE, &made));
    assert_string_equal(file_of(&made), "large-" ETAG ".webp");
    number = SLICE("248");
    assert_false(variant_outdated(&number, 1));
}

static void test_names_of_queries(void **state)
{
    enum variant variant;

    assert_true(variant_parse(SLICE("720p"), &variant) && variant == VARIANT_720P);
    assert_false(variant_parse(SLICE("private"), &variant));
    assert_false(variant_parse(SLICE(""), &variant));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_are_read_as_they_were_written),
        TEST(test_what_is_no_row_of_ours),
        TEST(test_the_number_of_older_records),
        TEST(test_asked),
        TEST(test_names_of_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
