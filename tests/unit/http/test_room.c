#include "unit.h"

#include "gateway/http/room.h"

static void test_half_of_what_others_leave(void **state)
{
    struct room_share ada[2] = {0}, bob = {0}, eve = {0};

    room_set_size(100);
    assert_false(room_take(&ada[0], SLICE("ada"), 51));
    assert_true(room_take(&ada[0], SLICE("ada"), 40));
    assert_false(room_take(&ada[1], SLICE("ada"), 11)); /* it is 50 in all */
    assert_true(room_take(&ada[1], SLICE("ada"), 10));
    assert_false(room_take(&bob, SLICE("bob"), 26));
    assert_true(room_take(&bob, SLICE("bob"), 25));
    assert_false(room_take(&eve, SLICE("eve"), 13));
    room_give_back(&ada[0]);
    assert_true(room_take(&eve, SLICE("eve"), 32));
    room_give_back(&ada[0]); /* given back already */
    room_give_back(&ada[1]);
    room_give_back(&bob);
    room_give_back(&eve);
    assert_true(room_take(&ada[0], SLICE("ada"), 50));
    room_give_back(&ada[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_of_what_others_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
