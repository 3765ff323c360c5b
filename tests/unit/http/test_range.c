#include "unit.h"

#include "gateway/http/range.h"

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        uint64_t offset, length;
    } rows[] = {
        {"", 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=0-9", 10, RANGE_PART, 0, 10},
        {"bytes=2-", 10, RANGE_PART, 2, 8},
        {"bytes=9-", 10, RANGE_PART, 9, 1},
        {"bytes=3-100", 10, RANGE_PART, 3, 7},
        {"BYTES=1-2", 10, RANGE_PART, 1, 2},
        {"bytes= 1-2 ", 10, RANGE_PART, 1, 2},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-300", 10, RANGE_PART, 0, 10},
        {"bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 10},
        {"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
        {"bytes=5-18446744073709551615", 10, RANGE_PART, 5, 5},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-12", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=2-1", 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 10},
        {"bytes=0-1,", 10, RANGE_WHOLE, 0, 10},
        {"bytes=--1", 10, RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, RANGE_WHOLE, 0, 10},
        {"bytes=1", 10, RANGE_WHOLE, 0, 10},
        {"bytes=", 10, RANGE_WHOLE, 0, 10},
        {"bytes", 10, RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, RANGE_WHOLE, 0, 10},
        {"bytes=1 - 2", 10, RANGE_WHOLE, 0, 10},
        {"lines=1-2", 10, RANGE_WHOLE, 0, 10},
        {"bytes =1-2", 10, RANGE_WHOLE, 0, 10},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct range range;
        enum range_kind kind = range_resolve(slice_from(rows[i].header), rows[i].size, &range);

        if (kind != rows[i].kind)
            fail_msg("%s: kind %d", rows[i].header, kind);
        if (kind != RANGE_UNSATISFIABLE &&
            (range.offset != rows[i].offset || range.length != rows[i].length))
            fail_msg("%s: wrong bytes", rows[i].header);
    }
}

static void test_if_range(void **state)
{
#define DATE "Tue, 30 May 2023 10:00:00 GMT"
    static const struct {
        const char *header, *modified;
        bool holds;
    } rows[] = {
        {"", DATE, true},
        {"\"abc\"", DATE, true},
        {"\"abd\"", DATE, false},
        {"W/\"abc\"", DATE, false}, /* a weak tag never proves equal bytes */
        {"abc", DATE, false},
        {DATE, DATE, true},
        {"Tue, 30 May 2023 10:00:01 GMT", DATE, false},
        {DATE, "", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (range_condition_holds(slice_from(rows[i].header), SLICE("\"abc\""),
                                  slice_from(rows[i].modified)) != rows[i].holds)
            fail_msg("%s", rows[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_if_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
