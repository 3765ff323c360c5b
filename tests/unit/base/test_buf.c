#include "base/buf.h"
#include "unit.h"

static void assert_content(const struct buf *buf, const char *expected)
{
    assert_true(slice_eq(buf_slice(buf), slice_from(expected)));
}

static void grows_up_to_its_maximum(void **state)
{
    struct buf buf;

    buf_init(&buf, 10);
    assert_true(buf_add(&buf, SLICE("")));
    assert_true(buf_add(&buf, SLICE_NONE));
    assert_true(buf_add(&buf, SLICE("12345")));
    assert_false(buf_add(&buf, SLICE("123456")));
    assert_true(buf.overflow);
    assert_content(&buf, "12345");
    assert_true(buf_printf(&buf, "%05d", 7));
    assert_content(&buf, "1234500007");
    assert_false(buf_add_char(&buf, 'x'));
    assert_false(buf_printf(&buf, "x"));
    assert_true(buf_add(&buf, SLICE("")));
    buf_clear(&buf);
    assert_false(buf.overflow);
    assert_content(&buf, "");
    assert_false(buf_add(&buf, (struct slice){"", SIZE_MAX}));
    buf_fini(&buf);
}

static void queues(void **state)
{
    struct buf buf;
    char expected[2], next = 'a';

    buf_init(&buf, 1000);
    for (int i = 0; i < 5000; i++) { /* moves through its memory many times */
        buf_add_char(&buf, (char)('a' + i % 26));
        if (i < 600)
            continue;
        expected[0] = buf_slice(&buf).p[0];
        expected[1] = '\0';
        assert_int_equal(expected[0], next);
        next = (char)(next == 'z' ? 'a' : next + 1);
        buf_consume(&buf, 1);
    }
    assert_int_equal(buf.n, 600);
    assert_true(buf.size <= 2048);
    buf_consume(&buf, 600);
    assert_content(&buf, "");
    buf_fini(&buf);
}

/* Every length in turn, so that the text ends before, at and past the end of the memory at hand. */
static void prints_at_every_length(void **state)
{
    char expected[700];
    struct buf buf;

    memset(expected, '7', sizeof expected);
    for (int length = 0; length < (int)sizeof expected; length++) {
        buf_init(&buf, sizeof expected);
        buf_add(&buf, SLICE("--"));
        buf_consume(&buf, 1);
        assert_true(buf_printf(&buf, "%.*s", length / 2, expected));
        assert_true(buf_printf(&buf, "%.*s", length - length / 2, expected));
        assert_int_equal(buf.n, length + 1);
        assert_memory_equal(buf_slice(&buf).p + 1, expected, (size_t)length);
        buf_fini(&buf);
    }
}

static void reserves(void **state)
{
    struct buf buf;

    buf_init(&buf, 4096);
    for (size_t i = 0; i < 3; i++) {
        char *room = buf_reserve(&buf, 1000);

        memset(room, '0' + (int)i, 1000);
        buf_commit(&buf, 500);
    }
    assert_int_equal(buf.n, 1500);
    assert_int_equal(buf_slice(&buf).p[499], '0');
    assert_int_equal(buf_slice(&buf).p[1000], '2');
    assert_null(buf_reserve(&buf, 4000));
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum),
        cmocka_unit_test(queues),
        cmocka_unit_test(prints_at_every_length),
        cmocka_unit_test(reserves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
