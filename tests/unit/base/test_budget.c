/* Times that grow with the work. */
#include "unit.h"

#include "base/budget.h"

static void grows(void **state)
{
    static const struct {
        struct budget budget;
        uint64_t units, ms;
    } rows[] = {
        {{60000, 1000, 600000}, 0, 60000},
        {{60000, 1000, 600000}, 1, 60001},
        {{60000, 1000, 600000}, 2500, 62500},
        {{60000, 1000, 600000}, 540000, 600000},
        {{60000, 1000, 600000}, 540001, 600000},
        {{60000, 1000, 600000}, UINT64_MAX, 600000},
        {{0, 1, UINT64_MAX / 2}, UINT64_MAX / 1000, UINT64_MAX / 2},
        {{1, 5000000, 86400000}, 4999999, 1000},
        {{500, 1, 500}, 3, 500},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(budget_ms(&rows[i].budget, rows[i].units), rows[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
