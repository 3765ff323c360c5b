#include "unit.h"

#include "gateway/http/precondition.h"

#define THEN "Tue, 30 May 2023 10:00:00 GMT"
#define BEFORE "Tue, 30 May 2023 09:59:59 GMT"
#define AFTER "Tue, 30 May 2023 10:00:01 GMT"

enum { G = PRECONDITION_HOLDS, N = PRECONDITION_NOT_MODIFIED, F = PRECONDITION_FAILED };

/* NULL: the field was not sent. */
static struct slice field(const char *text)
{
    return text ? slice_from(text) : SLICE_NONE;
}

static const struct validators full = {
    .etag = SLICE_INIT("\"7-abc\""), .state_n = 3, .modified_ms = 1685440800999};
static const struct validators bare = {0};

static const struct {
    const char *match, *unmodified, *none, *modified;
    int read, write;
} rows[] = {
    {NULL, NULL, NULL, NULL, G, G},

    {"\"7-abc\"", NULL, NULL, NULL, G, G},
    {"\"7-other\"", NULL, NULL, NULL, G, G}, /* the same state, told otherwise */
    {"\"x\", \"7-abc\"", NULL, NULL, NULL, G, G},
    {"*", NULL, NULL, NULL, G, G},
    {"\"70-abc\"", NULL, NULL, NULL, F, F},
    {"\"7\"", NULL, NULL, NULL, F, F},
    {"W/\"7-abc\"", NULL, NULL, NULL, F, F}, /* weak tags do not prove that nothing changed */
    {"7-abc", NULL, NULL, NULL, F, F},
    {"", NULL, NULL, NULL, F, F},
    {"\"x\", *", NULL, NULL, NULL, F, F},

    {NULL, THEN, NULL, NULL, G, G},
    {NULL, AFTER, NULL, NULL, G, G},
    {NULL, BEFORE, NULL, NULL, F, F},
    {NULL, "Tuesday, 30-May-23 09:59:59 GMT", NULL, NULL, F, F},
    {NULL, "Tue May 30 09:59:59 2023", NULL, NULL, F, F},
    {NULL, "yesterday", NULL, NULL, G, G},
    {"\"7-abc\"", BEFORE, NULL, NULL, G, G}, /* the tag decides */

    {NULL, NULL, "\"7-abc\"", NULL, N, F},
    {NULL, NULL, "W/\"7-abc\"", NULL, N, F},
    {NULL, NULL, "\"a,b\" ,, W/\"7-abc\"", NULL, N, F},
    {NULL, NULL, "*", NULL, N, F},
    {NULL, NULL, " * ", NULL, N, F},
    {NULL, NULL, "\"7-other\"", NULL, G, G}, /* another representation: send it */
    {NULL, NULL, "\"a,\"7-abc\"", NULL, G, G},
    {NULL, NULL, "\"7-ab", NULL, G, G},
    {NULL, NULL, "", NULL, G, G},
    {NULL, NULL, ",", NULL, G, G},
    {NULL, NULL, "\"x\", *", NULL, G, G},

    {NULL, NULL, NULL, THEN, N, G},
    {NULL, NULL, NULL, AFTER, N, G},
    {NULL, NULL, NULL, BEFORE, G, G},
    {NULL, NULL, NULL, "yesterday", G, G},
    {NULL, NULL, NULL, THEN ", " THEN, G, G},
    {NULL, NULL, "\"x\"", AFTER, G, G}, /* the tag decides */

    {"\"x\"", NULL, "\"7-abc\"", NULL, F, F}, /* in the standard's order */
    {"\"7-abc\"", NULL, "\"7-abc\"", NULL, N, F},
    {NULL, BEFORE, NULL, THEN, F, F},
};

static void test_order(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct preconditions given = {field(rows[i].match), field(rows[i].none),
                                      field(rows[i].modified), field(rows[i].unmodified), true};

        if ((int)precondition_judge(&given, &full) != rows[i].read)
            fail_msg("row %zu, reading", i);
        given.reads = false;
        if ((int)precondition_judge(&given, &full) != rows[i].write)
            fail_msg("row %zu, writing", i);
    }
}

/* What has neither tag nor date is still something. */
static void test_without_validators(void **state)
{
    struct preconditions given = {
        .if_unmodified_since = SLICE(BEFORE), .if_modified_since = SLICE(AFTER), .reads = true};

    assert_int_equal(precondition_judge(&given, &bare), G);
    given.if_match = SLICE("\"\"");
    assert_int_equal(precondition_judge(&given, &bare), F);
    given.if_match = SLICE("*");
    assert_int_equal(precondition_judge(&given, &bare), G);
    given.if_none_match = SLICE("\"x\"");
    assert_int_equal(precondition_judge(&given, &bare), G);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_without_validators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
