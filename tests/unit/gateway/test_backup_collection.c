/* What a collection's definition demands: windows, rotation, room. */
#include "unit.h"

#include "gateway/surfaces/backup_repository/collection.h"

#define DAY UINT64_C(1699920000000) /* 2023-11-14T00:00:00Z, in ms */
#define HOUR UINT64_C(3600000)
#define MINUTE UINT64_C(60000)

static struct backup_window window(const char *from, uint64_t duration_ms)
{
    struct backup_window window = {.duration_ms = duration_ms};

    assert_true(cron_parse(slice_from(from), &window.from));
    return window;
}

static void windows(void **state)
{
    struct backup_window list[] = {window("0 2 * * *", 30 * MINUTE), window("0 14 * * *", HOUR)};
    const struct backup_collection collection = {.windows = list, .window_count = 2}, always = {0};
    static const struct {
        uint64_t at;
        bool open;
    } rows[] = {
        {DAY + 2 * HOUR - 1, false},
        {DAY + 2 * HOUR, true},
        {DAY + 2 * HOUR + 30 * MINUTE - 1, true},
        {DAY + 2 * HOUR + 30 * MINUTE, false},
        {DAY + 14 * HOUR, true},
        {DAY + 15 * HOUR - 1, true},
        {DAY + 15 * HOUR, false},
        {DAY, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(collection_is_open(&collection, rows[i].at), rows[i].open);
        assert_true(collection_is_open(&always, rows[i].at));
    }
}

static void due(void **state)
{
    struct backup_window list[] = {window("0 2 * * *", 30 * MINUTE)};
    const struct backup_collection collection = {.windows = list, .window_count = 1}, never = {0};
    uint64_t since;

    /* Today's is not over yet, so it is yesterday's that counts. */
    assert_true(collection_due_since(&collection, DAY + 2 * HOUR + 29 * MINUTE, &since));
    assert_true(since == DAY - 22 * HOUR);
    assert_true(collection_due_since(&collection, DAY + 2 * HOUR + 30 * MINUTE, &since));
    assert_true(since == DAY + 2 * HOUR);
    assert_false(collection_due_since(&never, DAY, &since));
}

/* Windows that overlap, are longer than the time between them, or never start. */
static void odd_windows(void **state)
{
    struct backup_window overlapping[] = {window("0 2 * * *", 2 * HOUR),
                                          window("0 3 * * *", HOUR / 2)};
    struct backup_window endless[] = {window("0 * * * *", 2 * HOUR)};
    struct backup_window never[] = {window("0 0 31 2 *", HOUR)};
    const struct backup_collection two = {.windows = overlapping, .window_count = 2},
                                   always = {.windows = endless, .window_count = 1},
                                   closed = {.windows = never, .window_count = 1};
    uint64_t since;

    assert_true(collection_is_open(&two, DAY + 3 * HOUR + 45 * MINUTE));
    assert_false(collection_is_open(&two, DAY + 4 * HOUR));
    /* The later one is over first. */
    assert_true(collection_due_since(&two, DAY + 3 * HOUR + 45 * MINUTE, &since));
    assert_true(since == DAY + 3 * HOUR);
    assert_true(collection_due_since(&two, DAY + 3 * HOUR, &since));
    assert_true(since == DAY - 21 * HOUR);

    for (uint64_t at = DAY; at < DAY + 3 * HOUR; at += 7 * MINUTE)
        assert_true(collection_is_open(&always, at));
    assert_true(collection_due_since(&always, DAY + 4 * HOUR - 1, &since));
    assert_true(since == DAY + HOUR);

    assert_false(collection_is_open(&closed, DAY));
    assert_false(collection_due_since(&closed, DAY, &since));
    /* A clock that stands at the epoch, before any window is over. */
    assert_false(collection_due_since(&two, HOUR, &since));
}

static void surplus(void **state)
{
    static const struct {
        uint64_t most, has;
        struct slice strategy;
        uint64_t surplus;
        bool fits;
    } rows[] = {
        {0, 1000, SLICE_INIT("fifo"), 0, true}, {3, 2, SLICE_INIT("fifo"), 0, true},
        {3, 3, SLICE_INIT("fifo"), 1, true},    {3, 3, SLICE_INIT(""), 1, true},
        {3, 9, SLICE_INIT("fifo"), 7, true},    {3, 2, SLICE_INIT("none"), 0, true},
        {3, 3, SLICE_INIT("none"), 1, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct backup_collection collection = {.max_backups = rows[i].most,
                                                     .strategy = rows[i].strategy};
        const struct backup_stock stock = {.last = 1000, .count = rows[i].has};
        uint64_t n;

        assert_int_equal(collection_surplus(&collection, &stock, &n), rows[i].fits);
        assert_true(n == rows[i].surplus);
    }
}

static void room(void **state)
{
    static const struct {
        uint64_t one, all, has, freed, room;
    } rows[] = {
        {0, 0, 1000, 0, UINT64_MAX}, {10, 0, 1000, 0, 10},   {0, 100, 30, 0, 70},
        {50, 100, 30, 0, 50},        {50, 100, 80, 0, 20},   {50, 100, 80, 60, 50},
        {0, 100, 200, 0, 0},         {0, 100, 200, 150, 50}, {0, 100, 10, 20, 100},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct backup_collection collection = {.max_one_version_bytes = rows[i].one,
                                                     .max_collection_bytes = rows[i].all};
        const struct backup_stock stock = {.count = 1, .bytes = rows[i].has};

        assert_true(collection_room(&collection, &stock, rows[i].freed) == rows[i].room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows), cmocka_unit_test(due),  cmocka_unit_test(odd_windows),
        cmocka_unit_test(surplus), cmocka_unit_test(room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
