/* The table of job kinds: whose work is whose, and how long it may take. */
#include "unit.h"

#include "state/job_kind.h"

static void of_media(void **state)
{
    assert_int_equal(job_kind_for(MEDIA_IMAGE), JOB_IMAGE);
    assert_int_equal(job_kind_for(MEDIA_VIDEO), JOB_VIDEO);
    assert_int_equal(job_kind_for(MEDIA_AUDIO), JOB_VIDEO);
    assert_int_equal(job_kind_row(JOB_VIDEO)->next, JOB_TRANSCODE);
    assert_int_equal(job_kind_row(JOB_TRANSCODE)->media, 1u << MEDIA_VIDEO);
    assert_string_equal(job_subject_prefix(SUBJECT_MEDIA).p, "media_");
    assert_string_equal(job_subject_prefix(SUBJECT_ACCOUNT).p, "user_");
}

/* What grows with the bytes grows; what only a worker can measure has its most. */
static void deadlines(void **state)
{
    for (unsigned kind = 0; kind < JOB_KIND_COUNT; kind++) {
        const struct job_kind_row *row = job_kind_row((enum job_kind)kind);
        uint64_t small = job_kind_deadline_ms((enum job_kind)kind, 1);
        uint64_t large = job_kind_deadline_ms((enum job_kind)kind, 100 << 20);

        assert_true(small >= row->deadline.start_ms && large <= row->deadline.most_ms);
        if (row->measure == MEASURE_BYTES)
            assert_true(small < large);
        else
            assert_int_equal(small, row->deadline.most_ms);
        assert_int_equal(job_kind_deadline_ms((enum job_kind)kind, UINT64_MAX),
                         row->deadline.most_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_media), cmocka_unit_test(deadlines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
