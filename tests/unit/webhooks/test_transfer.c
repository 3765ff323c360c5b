/* Against receivers on this machine's loopback that answer with fixed bytes, or not at all. */
#include "transfer_fixture.h"

#include "base/clock.h"

#include <sys/resource.h>

static const struct target_policy open_policy = {.everything = true};

static void answers_are_told(void **state)
{
    static const struct {
        const char *answer;
        bool endless;
        enum transfer_error error;
        unsigned status;
        uint64_t retry_after_s;
    } cases[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", false, TRANSFER_ANSWERED, 204, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, TRANSFER_ANSWERED, 200, 0},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", false,
         TRANSFER_ANSWERED, 302, 0},
        {"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", false,
         TRANSFER_ANSWERED, 503, 120},
        {"HTTP/1.1 200 OK\r\n\r\n", true, TRANSFER_ANSWERED, 200, 0},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", false,
         TRANSFER_ANSWERED, 410, 0},
        {"what is this?\r\n\r\n", false, TRANSFER_BROKEN, 0, 0},
    };
    struct transfers *transfers = open_transfers(&open_policy);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct catcher *catcher = catcher_open(arena, cases[i].answer);
        catcher->endless = cases[i].endless;
        start(transfers, "127.0.0.1", catcher->port);
        wait_for((int)i + 1);
        if (last.error != cases[i].error || last.status != cases[i].status ||
            last.retry_after_s != cases[i].retry_after_s)
            fail_msg("case %zu: %d %u %llu", i, last.error, last.status,
                     (unsigned long long)last.retry_after_s);
        catcher_close(catcher);
    }
    close_transfers(transfers);
}

/* %s: a date an hour from now. */
static void hints_are_read(void **state)
{
    static const struct {
        const char *head;
        uint64_t least_s, most_s;
    } cases[] = {
        {"503 Busy\r\nretry-after:7\r\n", 7, 7},
        {"429 Busy\r\nRETRY-AFTER:  7 \r\n", 7, 7},
        {"503 Busy\r\nRetry-After: 0\r\n", 0, 0},
        {"503 Busy\r\nRetry-After: -5\r\n", 0, 0},
        {"503 Busy\r\nRetry-After: soon\r\n", 0, 0},
        {"503 Busy\r\nRetry-After:\r\n", 0, 0},
        {"503 Busy\r\nRetry-After: 99999999999\r\n", 99999999999, 99999999999},
        {"503 Busy\r\nRetry-After: 99999999999999999999999\r\n", UINT64_MAX, UINT64_MAX},
        {"503 Busy\r\nRetry-After: %s\r\n", 3590, 3600},
        {"503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 0, 0},
        {"503 Busy\r\nX-Retry-After: 7\r\n", 0, 0},
    };
    struct transfers *transfers = open_transfers(&open_policy);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice date = clock_http_date(arena, clock_unix_ms() + 3600 * 1000);
        const char *at = strstr(cases[i].head, "%s");
        struct slice head = slice_from(cases[i].head);

        if (at)
            head = arena_printf(arena, "%.*s%.*s\r\n", (int)(at - cases[i].head), cases[i].head,
                                SLICE_ARG(date));
        struct catcher *catcher = catcher_open(
            arena, arena_cstr(arena, arena_printf(arena, "HTTP/1.1 %.*sContent-Length: 0\r\n\r\n",
                                                  SLICE_ARG(head))));
        start(transfers, "127.0.0.1", catcher->port);
        wait_for((int)i + 1);
        if (last.retry_after_s < cases[i].least_s || last.retry_after_s > cases[i].most_s)
            fail_msg("case %zu: %llu", i, (unsigned long long)last.retry_after_s);
        catcher_close(catcher);
    }
    close_transfers(transfers);
}

static void requests_are_as_given(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(1);
    assert_int_equal(strncmp(catcher->request, "POST /hook HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(catcher->request, "\r\nwebhook-id: evt_1\r\n"));
    assert_non_null(strstr(catcher->request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(catcher->request, "\r\nContent-Length: 2\r\n"));
    assert_null(strstr(catcher->request, "Expect:"));
    assert_null(strstr(catcher->request, "Accept-Encoding"));
    catcher_close(catcher);
    close_transfers(transfers);
}

static void connections_are_used_again(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        catcher->received_bytes = 0;
        start(transfers, "127.0.0.1", catcher->port);
        wait_for(i + 1);
        assert_int_equal(last.status, 200);
    }
    assert_int_equal(catcher->connections, 1);
    catcher_close(catcher);
    close_transfers(transfers);
}

/* Nothing is sent to an address that the policy does not open, however it is written; the catcher
 * would notice the connection. */
static void forbidden_addresses_are_not_connected_to(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"};
    struct target_policy closed = {0};
    struct transfers *transfers = open_transfers(&closed);
    struct catcher *catcher = catcher_open(arena, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        start(transfers, hosts[i], catcher->port);
        wait_for((int)i + 1);
        assert_int_equal(last.error, TRANSFER_REFUSED_ADDRESS);
        assert_int_equal(last.status, 0);
    }
    assert_int_equal(catcher->connections, 0);
    catcher_close(catcher);
    close_transfers(transfers);
}

/* A connection that is open already is judged again, by the policy of now. */
static void open_connections_are_judged_again(void **state)
{
    struct target_policy policy = {.everything = true};
    struct transfers *transfers = open_transfers(&policy);
    struct catcher *catcher = catcher_open(arena, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(1);
    assert_int_equal(last.status, 200);
    policy.everything = false;
    catcher->received_bytes = 0;
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(2);
    assert_int_equal(last.error, TRANSFER_REFUSED_ADDRESS);
    assert_int_equal(catcher->received_bytes, 0);
    catcher_close(catcher);
    close_transfers(transfers);
}

static void one_that_hangs_delays_no_other(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *hung = catcher_open(arena, NULL);
    struct catcher *healthy = catcher_open(arena, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 4; i++)
        start(transfers, "127.0.0.1", hung->port);
    start(transfers, "127.0.0.1", healthy->port);
    wait_for(1);
    assert_int_equal(last.status, 200);
    assert_true(last.duration_ms < 5000);
    transfer_abort_all(transfers);
    assert_int_equal(ended, 5);
    assert_int_equal(last.error, TRANSFER_ABORTED);
    catcher_close(hung);
    catcher_close(healthy);
    close_transfers(transfers);
}

static void nobody_there(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, NULL);
    catcher_close(catcher);
    uv_run(loop_get(), UV_RUN_NOWAIT);
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(1);
    assert_int_equal(last.error, TRANSFER_NO_CONNECTION);
    /* A label that no name server is asked for. */
    start(transfers, "a23456789b23456789c23456789d23456789e23456789f23456789g23456789h.invalid",
          catcher->port);
    wait_for(2);
    assert_int_equal(last.error, TRANSFER_NO_NAME);
    close_transfers(transfers);
}

/* A handle whose name was not resolved is of no use to the next transfer. */
static void unresolved_names_leave_nothing_behind(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, FINE_ANSWER);
    int n = 0;

    for (int round = 0; round < 3; round++) {
        start(transfers, "a23456789b23456789c23456789d23456789e23456789f23456789g23456789h.invalid",
              catcher->port);
        wait_for(++n);
        assert_int_equal(last.error, TRANSFER_NO_NAME);
        start(transfers, "127.0.0.1", catcher->port);
        wait_for(++n);
        assert_int_equal(last.status, 200);
    }
    catcher_close(catcher);
    close_transfers(transfers);
}

/* libcurl takes no URL of more than 8 MB. */
static void refused_options_fail_the_attempt(void **state)
{
    enum { LONG = 9 << 20 };
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, FINE_ANSWER);
    char *url = mem_alloc(LONG + 1);

    snprintf(url, LONG, "http://127.0.0.1:%d/", catcher->port);
    memset(url + strlen(url), 'a', LONG - strlen(url));
    start_url(transfers, url);
    assert_int_equal(ended, 0); /* never from within */
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(2);
    start_url(transfers, url);
    wait_for(3);
    assert_int_equal(last.error, TRANSFER_NOT_SENT);
    assert_int_equal(last.status, 0);
    start_url(transfers, url);
    transfer_abort_all(transfers);
    assert_int_equal(last.error, TRANSFER_ABORTED);
    assert_int_equal(catcher->requests, 1);
    mem_free(url);
    catcher_close(catcher);
    close_transfers(transfers);
}

static void without_descriptors_the_attempt_fails(void **state)
{
    struct transfers *transfers = open_transfers(&open_policy);
    struct catcher *catcher = catcher_open(arena, FINE_ANSWER);
    struct rlimit before, none;

    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(1);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(last.error, TRANSFER_NOT_SENT);
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(2);
    assert_int_equal(last.status, 200);
    catcher_close(catcher);
    close_transfers(transfers);
}

static void header_floods_end(void **state)
{
    static char flood[16 << 10] = "HTTP/1.1 200 OK\r\n";
    struct transfers *transfers = open_transfers(&open_policy);
    for (int i = 0; i < 1000; i++)
        memcpy(flood + 17 + 8 * i, "a: bcd\r\n", 9);
    struct catcher *catcher = catcher_open(arena, flood);
    start(transfers, "127.0.0.1", catcher->port);
    wait_for(1);
    assert_int_equal(last.error, TRANSFER_BROKEN);
    assert_int_equal(last.status, 0);
    catcher_close(catcher);
    close_transfers(transfers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told),
        cmocka_unit_test(hints_are_read),
        cmocka_unit_test(requests_are_as_given),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(forbidden_addresses_are_not_connected_to),
        cmocka_unit_test(open_connections_are_judged_again),
        cmocka_unit_test(one_that_hangs_delays_no_other),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(unresolved_names_leave_nothing_behind),
        cmocka_unit_test(refused_options_fail_the_attempt),
        cmocka_unit_test(without_descriptors_the_attempt_fails),
        cmocka_unit_test(header_floods_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
