#include "base/address.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void every_written_form_means_its_address(void **state)
{
    static const struct {
        const char *text;
        enum address_form form;
        const char *same_as;
    } cases[] = {
        {"127.0.0.1", ADDRESS_LITERAL, "127.0.0.1"},
        {"127.0.0.1.", ADDRESS_LITERAL, "127.0.0.1"},
        {"127.1", ADDRESS_LITERAL, "127.0.0.1"},
        {"127.0.1", ADDRESS_LITERAL, "127.0.0.1"},
        {"2130706433", ADDRESS_LITERAL, "127.0.0.1"},
        {"0x7f000001", ADDRESS_LITERAL, "127.0.0.1"},
        {"0X7F.1", ADDRESS_LITERAL, "127.0.0.1"},
        {"017700000001", ADDRESS_LITERAL, "127.0.0.1"},
        {"0177.0.0.1", ADDRESS_LITERAL, "127.0.0.1"},
        {"0", ADDRESS_LITERAL, "0.0.0.0"},
        {"0x", ADDRESS_LITERAL, "0.0.0.0"},
        {"10.65535", ADDRESS_LITERAL, "10.0.255.255"},
        {"4294967295", ADDRESS_LITERAL, "255.255.255.255"},
        {"[::1]", ADDRESS_LITERAL, "::1"},
        {"[::ffff:127.0.0.1]", ADDRESS_LITERAL, "127.0.0.1"},
        {"[::ffff:7f00:1]", ADDRESS_LITERAL, "127.0.0.1"},
        {"[2606:4700::1111]", ADDRESS_LITERAL, "2606:4700::1111"},
        {"4294967296", ADDRESS_BROKEN, NULL},
        {"256.0.0.1", ADDRESS_BROKEN, NULL},
        {"1.2.3.256", ADDRESS_BROKEN, NULL},
        {"1.2.3.4.5", ADDRESS_BROKEN, NULL},
        {"08.1.1.1", ADDRESS_BROKEN, NULL},
        {"1.2.3.09", ADDRESS_BROKEN, NULL},
        {"1..2", ADDRESS_BROKEN, NULL},
        {"example.0x7f", ADDRESS_BROKEN, NULL},
        {"[::1", ADDRESS_BROKEN, NULL},
        {"[]", ADDRESS_BROKEN, NULL},
        {"[fe80::1%eth0]", ADDRESS_BROKEN, NULL},
        {"[127.0.0.1]", ADDRESS_BROKEN, NULL},
        {"localhost", ADDRESS_NONE, NULL},
        {"example.com", ADDRESS_NONE, NULL},
        {"127.0.0.1.nip.io", ADDRESS_NONE, NULL},
        {"0x7g", ADDRESS_NONE, NULL},
        {"", ADDRESS_NONE, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address got;
        struct cidr want;

        if (address_parse(slice_from(cases[i].text), &got) != cases[i].form)
            fail_msg("form of %s", cases[i].text);
        if (!cases[i].same_as)
            continue;
        assert_true(cidr_parse(slice_from(cases[i].same_as), &want));
        if (memcmp(want.base.bytes, got.bytes, sizeof got.bytes) != 0)
            fail_msg("value of %s", cases[i].text);
    }
}

static void special_ranges_are_not_public(void **state)
{
    static const struct {
        const char *text;
        bool is_public;
    } cases[] = {
        {"0.1.2.3", false},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"100.63.255.255", true},
        {"100.64.0.1", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"127.255.255.255", false},
        {"169.254.169.254", false},
        {"172.15.255.255", true},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.0.0.8", false},
        {"192.0.2.1", false},
        {"192.88.99.1", false},
        {"192.168.1.1", false},
        {"198.17.255.255", true},
        {"198.18.0.1", false},
        {"198.19.255.255", false},
        {"198.51.100.7", false},
        {"203.0.113.7", false},
        {"224.0.0.1", false},
        {"239.255.255.255", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"8.8.8.8", true},
        {"::", false},
        {"::1", false},
        {"::127.0.0.1", false},
        {"::ffff:10.0.0.1", false},
        {"::ffff:8.8.8.8", false},
        {"::ffff:808:808", false},
        {"100:0:0:1::1", false},
        {"2001:0:ffff::1", false},
        {"2001:1::1", false},
        {"2001:2:0:1::1", false},
        {"2001:3::1", false},
        {"2001:10::1", false},
        {"2001:20::1", false},
        {"2001:2f:ffff::1", false},
        {"2001:1ff:ffff::1", false},
        {"2001:200::1", true},
        {"64:ff9b::a00:1", false},
        {"64:ff9b:1::1", false},
        {"100::1", false},
        {"2001::1", false},
        {"2001:db8::1", false},
        {"2001:4860:4860::8888", true},
        {"2002:a00:1::", false},
        {"3fff:fff::1", false},
        {"5f00::1", false},
        {"::ffff:0:7f00:1", false},
        {"::ffff:0:8.8.8.8", false},
        {"fc00::1", false},
        {"fd00:ec2::254", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"2606:4700::1111", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cidr cidr;

        assert_true(cidr_parse(slice_from(cases[i].text), &cidr));
        if (address_is_public(&cidr.base) != cases[i].is_public)
            fail_msg("%s", cases[i].text);
    }
}

static void ranges_contain_what_their_prefix_says(void **state)
{
    static const struct {
        const char *range, *address;
        bool valid, inside;
    } cases[] = {
        {"10.0.0.0/8", "10.1.2.3", true, true},
        {"10.0.0.0/8", "11.1.2.3", true, false},
        {" 127.0.0.1 ", "127.0.0.1", true, true},
        {"127.0.0.1/32", "127.0.0.2", true, false},
        {"172.16.0.0/12", "172.31.9.9", true, true},
        {"fd00::/8", "fd12::1", true, true},
        {"fd00::/8", "fc12::1", true, false},
        {"0.0.0.0/0", "203.0.113.1", true, true},
        {"0.0.0.0/0", "2606:4700::1111", true, false},
        {"::/0", "203.0.113.1", true, true},
        {"10.0.0.1/8", "", false, false},
        {"10.0.0.0/33", "", false, false},
        {"10.0.0.0/", "", false, false},
        {"10/8", "", false, false},
        {"0x7f.0.0.1", "", false, false},
        {"fd00::/129", "", false, false},
        {"nonsense", "", false, false},
        {"", "", false, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cidr range, address;

        if (cidr_parse(slice_from(cases[i].range), &range) != cases[i].valid)
            fail_msg("%s", cases[i].range);
        if (!cases[i].valid)
            continue;
        assert_true(cidr_parse(slice_from(cases[i].address), &address));
        if (cidr_contains(&range, &address.base) != cases[i].inside)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
    }
}

static void socket_addresses_are_read(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address address;

    inet_pton(AF_INET, "192.168.0.1", &v4.sin_addr);
    inet_pton(AF_INET6, "2606:4700::1111", &v6.sin6_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&v4, &address));
    assert_false(address_is_public(&address));
    assert_true(address_from_sockaddr((struct sockaddr *)&v6, &address));
    assert_true(address_is_public(&address));
    inet_pton(AF_INET6, "::ffff:8.8.8.8", &v6.sin6_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&v6, &address));
    assert_false(address_is_public(&address));
    inet_pton(AF_INET, "8.8.8.8", &v4.sin_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&v4, &address));
    assert_true(address_is_public(&address));
    assert_false(address_from_sockaddr(&other, &address));
}

static void one_usual_form_is_read_and_written(void **state)
{
    static const struct {
        const char *text, *usual; /* NULL: no address */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"127.1", NULL},
        {"010.0.0.1", NULL},
        {"192.0.2.1/32", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"unknown", NULL},
        {"", NULL},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address;
        bool is_one = address_from_text(slice_from(cases[i].text), &address);

        if (is_one != (cases[i].usual != NULL) ||
            (is_one && !slice_eq(address_text(arena, &address), slice_from(cases[i].usual))))
            fail_msg("%s", cases[i].text);
    }
    arena_free(arena);
}

static void all_of_a_64_are_one(void **state)
{
    static const struct {
        const char *text, *counter;
    } cases[] = {
        {"203.0.113.7", "203.0.113.7"},
        {"::ffff:203.0.113.7", "203.0.113.7"},
        {"2001:db8:1:2::1", "2001:db8:1:2::/64"},
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
        {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
        {"::1", "::/64"},
        {"unknown", "unknown"},
        {"", ""},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (!slice_eq(address_prefix_text(arena, slice_from(cases[i].text)),
                      slice_from(cases[i].counter)))
            fail_msg("%s", cases[i].text);
    arena_free(arena);
}

static void neighbours_are_in_one_network(void **state)
{
    static const struct {
        const char *text, *network;
    } cases[] = {
        {"192.0.2.77", "192.0.2.0/24"},
        {"::ffff:192.0.2.77", "192.0.2.0/24"},
        {"2001:db8:1:2::3", "2001:db8:1::/48"},
        {"2001:db8:1:ffff:1::", "2001:db8:1::/48"},
        {"::1", "::/48"},
        {"no address", "no address"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (!slice_eq(address_network_text(arena, slice_from(cases[i].text)),
                      slice_from(cases[i].network)))
            fail_msg("%s", cases[i].text);
    arena_free(arena);
}

static void loopback_is_a_network_and_an_address(void **state)
{
    static const char *inside[] = {"127.0.0.1", "127.255.255.255", "::ffff:127.0.0.2", "::1"};
    static const char *outside[] = {"126.255.255.255", "128.0.0.0", "::2", "::", "1::1"};
    struct address address;

    for (size_t i = 0; i < COUNT_OF(inside); i++) {
        assert_true(address_from_text(slice_from(inside[i]), &address));
        assert_true(address_is_loopback(&address));
    }
    for (size_t i = 0; i < COUNT_OF(outside); i++) {
        assert_true(address_from_text(slice_from(outside[i]), &address));
        assert_false(address_is_loopback(&address));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_written_form_means_its_address),
        cmocka_unit_test(special_ranges_are_not_public),
        cmocka_unit_test(ranges_contain_what_their_prefix_says),
        cmocka_unit_test(socket_addresses_are_read),
        cmocka_unit_test(one_usual_form_is_read_and_written),
        cmocka_unit_test(all_of_a_64_are_one),
        cmocka_unit_test(neighbours_are_in_one_network),
        cmocka_unit_test(loopback_is_a_network_and_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
