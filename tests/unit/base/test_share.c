#include "base/share.h"
#include "unit.h"

static void each_party_has_its_own(void **state)
{
    struct shares shares;

    shares_init(&shares);
    assert_true(share_take(&shares, SLICE("ada"), 2));
    assert_true(share_take(&shares, SLICE("ada"), 2));
    assert_false(share_take(&shares, SLICE("ada"), 2));
    assert_true(share_take(&shares, SLICE("bob"), 1));
    assert_false(share_take(&shares, SLICE("bob"), 1));
    assert_false(share_take(&shares, SLICE("eve"), 0));
    assert_int_equal(share_held(&shares, SLICE("ada")), 2);
    assert_int_equal(share_held(&shares, SLICE("eve")), 0);
    share_give_back(&shares, SLICE("ada"));
    assert_true(share_take(&shares, SLICE("ada"), 2));
    share_give_back(&shares, SLICE("ada"));
    share_give_back(&shares, SLICE("ada"));
    share_give_back(&shares, SLICE("bob"));
    assert_int_equal(share_held(&shares, SLICE("ada")), 0);
    shares_fini(&shares); /* asserts that nobody is left */
}

static void many_at_once(void **state)
{
    struct shares shares;

    shares_init(&shares);
    assert_false(share_take_many(&shares, SLICE("ada"), 11, 10));
    assert_true(share_take_many(&shares, SLICE("ada"), 7, 10));
    assert_false(share_take_many(&shares, SLICE("ada"), 4, 10));
    assert_true(share_take_many(&shares, SLICE("ada"), 3, 10));
    assert_true(share_take_many(&shares, SLICE("bob"), SIZE_MAX, SIZE_MAX));
    assert_false(share_take_many(&shares, SLICE("bob"), 1, SIZE_MAX));
    share_give_back_many(&shares, SLICE("ada"), 9);
    assert_int_equal(share_held(&shares, SLICE("ada")), 1);
    share_give_back(&shares, SLICE("ada"));
    share_give_back_many(&shares, SLICE("bob"), SIZE_MAX);
    shares_fini(&shares);
}

static void names_are_copied_and_bytes(void **state)
{
    struct shares shares;
    char name[4] = {0, 1, 0, 2};

    shares_init(&shares);
    for (int i = 0; i < 1000; i++) {
        memcpy(name, &i, sizeof name);
        assert_true(share_take(&shares, (struct slice){name, sizeof name}, 1));
    }
    assert_true(share_take(&shares, SLICE(""), 1));
    for (int i = 0; i < 1000; i++) {
        memcpy(name, &i, sizeof name);
        assert_int_equal(share_held(&shares, (struct slice){name, sizeof name}), 1);
        share_give_back(&shares, (struct slice){name, sizeof name});
    }
    share_give_back(&shares, SLICE(""));
    shares_fini(&shares);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_party_has_its_own),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(names_are_copied_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
