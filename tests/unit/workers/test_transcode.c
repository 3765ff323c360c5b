/* What ffmpeg says of its progress. */
#include "unit.h"
#include "workers/transcode.h"

static void test_progress_lines(void **state)
{
    static const struct {
        const char *line;
        uint64_t duration_ms;
        bool known;
        unsigned percent;
    } cases[] = {
        {"out_time_us=0", 1000, true, 0},        {"out_time_us=250000", 1000, true, 25},
        {"out_time_us=1000000", 1000, true, 99}, {"out_time_us=99000000", 1000, true, 99},
        {"out_time_us=250000 ", 1000, true, 25}, {"out_time_us=250000", 0, true, 0},
        {"out_time_us=N/A", 1000, false, 0},     {"out_time_us=-20", 1000, false, 0},
        {"out_time_us=", 1000, false, 0},        {"out_time_us", 1000, false, 0},
        {"out_time_ms=250000", 1000, false, 0},  {"frame=12", 1000, false, 0},
        {"progress=end", 1000, false, 0},        {"", 1000, false, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned percent = 0;
        bool known = transcode_progress(slice_from(cases[i].line), cases[i].duration_ms, &percent);

        if (known != cases[i].known || percent != cases[i].percent)
            fail_msg("\"%s\" gave %d, %u", cases[i].line, known, percent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
