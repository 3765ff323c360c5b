#include "unit.h"

#include "gateway/http/origin.h"

static void test_own_pages(void **state)
{
    static const struct {
        const char *origin;
        bool tls;
        const char *host;
        bool own;
    } rows[] = {
        {"http://example.com", false, "example.com", true},
        {"http://example.com", false, "example.com:80", true},
        {"http://example.com:80", false, "example.com", true},
        {"http://example.com", false, "example.com:", true},
        {"http://Example.COM", false, "example.com:80", true},
        {"https://example.com", true, "example.com:443", true},
        {"https://example.com:443", true, "example.com", true},
        {"http://example.com:8080", false, "example.com:8080", true},
        {"http://[::1]:8080", false, "[::1]:8080", true},
        {"http://[::1]", false, "[::1]:80", true},
        {"http://127.0.0.1", false, "127.0.0.1:80", true},

        {"http://example.com", false, "example.com:8080", false},
        {"http://example.com:8080", false, "example.com", false},
        {"http://example.com", false, "example.com:443", false},
        {"https://example.com", true, "example.com:80", false},
        {"https://example.com", false, "example.com:443", false},
        {"http://example.com", true, "example.com", false},
        {"http://example.com.evil", false, "example.com", false},
        {"http://evil", false, "example.com", false},
        {"http://[::1]", false, "[::2]", false},
        {"http://example.com:x", false, "example.com", false},
        {"http://", false, "", false},
        {"http://:80", false, ":80", false},
        {"null", false, "null", false},
        {"", false, "", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (origin_is_host(slice_from(rows[i].origin), rows[i].tls, slice_from(rows[i].host)) !=
            rows[i].own)
            fail_msg("%s at %s", rows[i].origin, rows[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
