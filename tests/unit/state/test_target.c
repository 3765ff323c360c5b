#include "state/target.h"
#include "unit.h"

static struct arena *arena;

static int make_arena(void **state)
{
    arena = arena_new();
    return 0;
}

static int drop_arena(void **state)
{
    arena_free(arena);
    return 0;
}

static void urls_are_judged(void **state)
{
    static const struct {
        const char *setting, *url;
        enum target_verdict verdict;
    } cases[] = {
        {"off", "https://example.com", TARGET_OK},
        {"off", "HTTPS://example.com:443/hook?a=b", TARGET_OK},
        {"off", "https://example.com?x", TARGET_OK},
        {"off", "https://hooks.example.com:8443/a/b", TARGET_OK},
        {"off", "https://8.8.8.8/", TARGET_OK},
        {"off", "https://[2606:4700::1111]:4443/", TARGET_OK},
        {"off", "http://example.com/", TARGET_PLAIN},
        {"off", "http://127.0.0.1:9000/", TARGET_PLAIN},
        {"off", "https://127.0.0.1/", TARGET_PRIVATE},
        {"off", "https://2130706433/", TARGET_PRIVATE},
        {"off", "https://0x7f.1/", TARGET_PRIVATE},
        {"off", "https://017700000001/", TARGET_PRIVATE},
        {"off", "https://127.0.0.1./", TARGET_PRIVATE},
        {"off", "https://[::1]/", TARGET_PRIVATE},
        {"off", "https://[::ffff:169.254.169.254]/latest", TARGET_PRIVATE},
        {"off", "https://[64:ff9b::a00:1]/", TARGET_PRIVATE},
        {"off", "https://[::ffff:8.8.8.8]/", TARGET_PRIVATE},
        {"off", "https://[2001:20::1]/", TARGET_PRIVATE},
        {"off", "https://0/", TARGET_PRIVATE},
        {"off", "https://user@example.com/", TARGET_CREDENTIALS},
        {"off", "https://user:pw@example.com/", TARGET_CREDENTIALS},
        {"off", "https://example.com:22/", TARGET_PORT},
        {"off", "https://example.com:0/", TARGET_PORT},
        {"off", "https://example.com:70000/", TARGET_PORT},
        {"off", "https://example.com:/", TARGET_MALFORMED},
        {"off", "https://example.com:4a/", TARGET_MALFORMED},
        {"off", "https://1.2.3.4.5/", TARGET_MALFORMED},
        {"off", "https://exa mple.com/", TARGET_MALFORMED},
        {"off", "https://example.com\\@127.0.0.1/", TARGET_MALFORMED},
        {"off", "https://example.com#@127.0.0.1/", TARGET_MALFORMED},
        {"off", "https://ex%61mple.com/", TARGET_MALFORMED},
        {"off",
         "https://b\xc3\xbc"
         "cher.example/",
         TARGET_MALFORMED},
        {"off", "https://[::1]x/", TARGET_MALFORMED},
        {"off", "https://[fe80::1%25eth0]/", TARGET_MALFORMED},
        {"off", "https:///path", TARGET_MALFORMED},
        {"off", "https://.example.com/", TARGET_MALFORMED},
        {"off", "https:example.com", TARGET_MALFORMED},
        {"off", "example.com/hook", TARGET_MALFORMED},
        {"off", "", TARGET_MALFORMED},
        {"off", "ftp://example.com/", TARGET_SCHEME},
        {"off", "file:///etc/passwd", TARGET_SCHEME},
        {"off", "gopher://127.0.0.1:6379/", TARGET_SCHEME},
        {"on", "http://127.0.0.1:9000/hook", TARGET_OK},
        {"on", "http://[::1]:9000/hook", TARGET_OK},
        {"on", "https://10.0.0.1/", TARGET_OK},
        {"on", "http://127.0.0.1:6/", TARGET_PORT},
        {"10.0.0.0/8, 127.0.0.1", "http://127.0.0.1:9000/", TARGET_OK},
        {"10.0.0.0/8,127.0.0.1", "https://10.9.8.7/", TARGET_OK},
        {"10.0.0.0/8,127.0.0.1", "https://192.168.0.1/", TARGET_PRIVATE},
        {"10.0.0.0/8,127.0.0.1", "http://192.168.0.1/", TARGET_PRIVATE},
        {"10.0.0.0/8", "http://8.8.8.8/", TARGET_PLAIN},
        {"10.0.0.0/8", "https://8.8.8.8/", TARGET_OK},
        {"10.0.0.0/8", "http://intranet/", TARGET_OK},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct target_policy policy;
        struct target target;

        assert_true(target_policy_parse(arena, slice_from(cases[i].setting), &policy));
        if (target_judge(&policy, slice_from(cases[i].url), &target) != cases[i].verdict)
            fail_msg("%s with %s", cases[i].url, cases[i].setting);
    }
}

static void parts_are_told(void **state)
{
    struct target_policy policy = {.everything = true};
    struct target target;

    assert_int_equal(target_judge(&policy, SLICE("http://[::1]:9000/x"), &target), TARGET_OK);
    assert_true(slice_eq(target.host, SLICE("[::1]")));
    assert_int_equal(target.port, 9000);
    assert_false(target.tls);
    assert_int_equal(target_judge(&policy, SLICE("https://a.example/x:1"), &target), TARGET_OK);
    assert_true(slice_eq(target.host, SLICE("a.example")));
    assert_int_equal(target.port, 443);
    assert_true(target.tls);
}

/* What a name resolved to is judged by the same policy. */
static void addresses_are_judged(void **state)
{
    static const struct {
        const char *setting, *host;
        bool tls, allowed;
    } cases[] = {
        {"off", "93.184.215.14", true, true},    {"off", "93.184.215.14", false, false},
        {"off", "10.0.0.1", true, false},        {"0", "[::1]", true, false},
        {"on", "10.0.0.1", false, true},         {"1", "93.184.215.14", false, true},
        {"10.0.0.0/8", "10.0.0.1", false, true}, {"10.0.0.0/8", "11.0.0.1", false, false},
        {"10.0.0.0/8", "11.0.0.1", true, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct target_policy policy;
        struct address address;

        assert_true(target_policy_parse(arena, slice_from(cases[i].setting), &policy));
        assert_int_equal(address_parse(slice_from(cases[i].host), &address), ADDRESS_LITERAL);
        if (target_allows_address(&policy, &address, cases[i].tls) != cases[i].allowed)
            fail_msg("%s with %s", cases[i].host, cases[i].setting);
    }
}

static void wrong_settings_are_refused(void **state)
{
    static const char *const wrong[] = {"maybe", "10.0.0.0/8,", "10.0.0.0/8 192.168.0.0/16", "2"};
    struct target_policy policy;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(target_policy_parse(arena, slice_from(wrong[i]), &policy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_judged),
        cmocka_unit_test(parts_are_told),
        cmocka_unit_test(addresses_are_judged),
        cmocka_unit_test(wrong_settings_are_refused),
    };

    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
