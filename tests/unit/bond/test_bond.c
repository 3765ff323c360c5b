#include "bond/bond.h"
#include "unit.h"

#define ID SLICE_INIT("hub_A 1")
#define NONE SLICE_INIT("")

static void what_fits_and_what_does_not(void **state)
{
    static const struct {
        struct bond_sight sight;
        enum bond_fit fit;
    } cases[] = {
        /* the first start, also where it ended in between */
        {{NONE, false, false, false, BOND_STORE_ABSENT, NONE}, BOND_NEW},
        {{NONE, false, false, false, BOND_STORE_EMPTY, NONE}, BOND_NEW},
        {{ID, true, false, false, BOND_STORE_ABSENT, NONE}, BOND_NEW},
        {{ID, true, false, false, BOND_STORE_MARKED, ID}, BOND_FITS},
        /* every other one */
        {{ID, true, true, true, BOND_STORE_MARKED, ID}, BOND_FITS},
        {{ID, true, true, true, BOND_STORE_MARKED, SLICE_INIT("hub_B 1")}, BOND_FOREIGN},
        {{ID, true, true, true, BOND_STORE_MARKED, SLICE_INIT("hub_A 3")}, BOND_PARTITIONS},
        {{ID, false, true, true, BOND_STORE_MARKED, ID}, BOND_PARTITIONS},
        {{ID, false, true, true, BOND_STORE_ABSENT, NONE}, BOND_PARTITIONS},
        /* one side is lost */
        {{ID, true, true, true, BOND_STORE_ABSENT, NONE}, BOND_STORE_LOST},
        {{ID, true, true, true, BOND_STORE_EMPTY, NONE}, BOND_STORE_LOST},
        {{ID, true, true, true, BOND_STORE_CONTENT, NONE}, BOND_STORE_UNMARKED},
        {{NONE, false, false, false, BOND_STORE_MARKED, ID}, BOND_STATE_LOST},
        {{NONE, false, false, false, BOND_STORE_CONTENT, NONE}, BOND_STATE_LOST},
        {{ID, true, false, false, BOND_STORE_CONTENT, NONE}, BOND_STATE_LOST},
        /* from before there were ids */
        {{NONE, false, false, true, BOND_STORE_CONTENT, NONE}, BOND_TO_PROVE},
        {{NONE, false, false, true, BOND_STORE_ABSENT, NONE}, BOND_TO_PROVE},
        {{ID, true, false, true, BOND_STORE_CONTENT, NONE}, BOND_TO_PROVE},
        {{NONE, false, false, true, BOND_STORE_MARKED, ID}, BOND_STATE_OLD},
        /* what nobody here can read */
        {{ID, true, true, true, BOND_STORE_NEWER, NONE}, BOND_NEWER},
        {{NONE, false, false, false, BOND_STORE_UNREADABLE, NONE}, BOND_UNREADABLE},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (bond_judge(&cases[i].sight) != cases[i].fit)
            fail_msg("case %zu: %d", i, bond_judge(&cases[i].sight));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_and_what_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
