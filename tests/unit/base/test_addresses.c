#include "base/addresses.h"

#include "base/listen.h"
#include "unit.h"

#include <errno.h>

#define URLS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void urls_of_what_listens(void **state)
{
    static const struct slice addresses[] = {SLICE_INIT("127.0.0.1"), SLICE_INIT("::1"),
                                             SLICE_INIT("192.168.1.5"), SLICE_INIT("2001:db8::5")};
    static const struct {
        const char *host_port;
        const char *urls[5];
    } cases[] = {
        {"127.0.0.1:8080", URLS("http://127.0.0.1:8080")},
        {"[::1]:8080", URLS("http://[::1]:8080")},
        {"hub.example:80", URLS("http://hub.example:80")},
        {":8080",
         URLS("http://127.0.0.1:8080", "http://192.168.1.5:8080", "http://[2001:db8::5]:8080")},
        {"[::]:8080",
         URLS("http://127.0.0.1:8080", "http://192.168.1.5:8080", "http://[2001:db8::5]:8080")},
        {"0.0.0.0:8080", URLS("http://127.0.0.1:8080", "http://192.168.1.5:8080")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena = arena_new();
        struct slice urls[ADDRESSES_MAX];
        size_t n = addresses_urls(arena, "http", slice_from(cases[i].host_port), addresses,
                                  COUNT_OF(addresses), urls);

        for (size_t j = 0; j < n; j++)
            assert_string_equal(urls[j].p, cases[i].urls[j]);
        assert_null(cases[i].urls[n]);
        arena_free(arena);
    }
}

static void a_machine_without_a_network(void **state)
{
    struct arena *arena = arena_new();
    struct slice urls[ADDRESSES_MAX];

    assert_int_equal(addresses_urls(arena, "https", SLICE(":1"), NULL, 0, urls), 1);
    assert_string_equal(urls[0].p, "https://127.0.0.1:1");
    arena_free(arena);
}

/* What the kernel says of this machine, whatever it is, can be listened on. */
static void addresses_of_this_host(void **state)
{
    struct arena *arena = arena_new();
    struct slice addresses[ADDRESSES_MAX], problem;
    size_t n = addresses_of_host(arena, addresses), at;

    for (size_t i = 0; i < n; i++) {
        bool v6 = slice_find(addresses[i], ':', &at);
        struct slice host_port =
            arena_printf(arena, v6 ? "[%.*s]:0" : "%.*s:0", SLICE_ARG(addresses[i]));
        int fd = listen_open(arena, host_port, false, &problem);

        assert_true(fd >= 0);
        close(fd);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_what_listens),
        cmocka_unit_test(a_machine_without_a_network),
        cmocka_unit_test(addresses_of_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
