#include "gateway/http/door.h"
#include "unit.h"

static struct address address_of(const char *text)
{
    struct address address;

    assert_true(address_from_text(slice_from(text), &address));
    return address;
}

static size_t enter_all(struct door *door, const char *text, size_t tries)
{
    struct address who = address_of(text);
    size_t n = 0;

    while (n < tries && !door_is_full(door) && door_enter(door, &who))
        n++;
    return n;
}

static void leave_all(struct door *door, const char *text, size_t n)
{
    struct address who = address_of(text);

    while (n-- > 0)
        door_leave(door, &who);
}

static void shares_by_descriptors_and_settings(void **state)
{
    static const struct {
        size_t descriptors, per_address;
        const char *who;
        size_t share;
    } rows[] = {
        {65536, 0, "192.0.2.1", 1024},  {65536, 0, "2001:db8::1", 1024},
        {65536, 0, "127.0.0.1", 55552}, {65536, 0, "10.0.0.1", 55552},
        {4096, 0, "192.0.2.1", 192},    {1024, 0, "192.0.2.1", 64},
        {1024, 0, "::1", 672},          {65536, 20, "192.0.2.1", 20},
        {65536, 20, "127.0.0.1", 20},   {65536, 20, "10.0.0.1", 55552},
        {256, 65536, "192.0.2.1", 168}, {100, 0, "127.0.0.1", 56},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct cidr proxy;
        struct door_settings settings = {
            .per_address = rows[i].per_address, .proxies = &proxy, .proxy_count = 1};

        assert_true(cidr_parse(SLICE("10.0.0.0/8"), &proxy));
        struct door *door = door_new(&settings, rows[i].descriptors);
        size_t share = enter_all(door, rows[i].who, SIZE_MAX);
        if (share != rows[i].share)
            fail_msg("%s: %zu, not %zu", rows[i].who, share, rows[i].share);
        leave_all(door, rows[i].who, share);
        door_free(door);
    }
}

static void nobody_keeps_others_out(void **state)
{
    struct door *door = door_new(&(struct door_settings){.per_address = 10}, 1024);

    assert_int_equal(enter_all(door, "192.0.2.1", 100), 10);
    assert_int_equal(enter_all(door, "192.0.2.2", 3), 3);
    assert_int_equal(enter_all(door, "2001:db8:1:1::1", 6), 6);
    assert_int_equal(enter_all(door, "2001:db8:1:1::2", 100), 4); /* the same /64 */
    assert_int_equal(enter_all(door, "2001:db8:1:2::1", 100), 10);
    leave_all(door, "192.0.2.1", 1);
    assert_int_equal(enter_all(door, "192.0.2.1", 100), 1);
    leave_all(door, "192.0.2.1", 10);
    leave_all(door, "192.0.2.2", 3);
    leave_all(door, "2001:db8:1:1::3", 10);
    leave_all(door, "2001:db8:1:2::1", 10);
    door_free(door); /* asserts that nobody is left */
}

static void descriptors_are_kept_back(void **state)
{
    struct door *door = door_new(&(struct door_settings){0}, 256);
    size_t here = enter_all(door, "127.0.0.1", 1000), other = enter_all(door, "127.0.0.2", 1000);

    assert_int_equal(here, 168); /* an eighth of the 192 is for others */
    assert_int_equal(here + other, 192);
    assert_true(door_is_full(door));
    leave_all(door, "127.0.0.1", here);
    leave_all(door, "127.0.0.2", other);
    assert_false(door_is_full(door));
    door_free(door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_by_descriptors_and_settings),
        cmocka_unit_test(nobody_keeps_others_out),
        cmocka_unit_test(descriptors_are_kept_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
