/* Names with several addresses. This program stands in for the resolver: the addresses of
 * many.test stand in a table; the receivers are on loopback. */
#include "transfer_fixture.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* -- The resolver ------------------------------------------------------------------------------ */

enum { ADDRESSES_MAX = 8, BLACK_FILL = 6 };

/* What "many.test" leads to, in this order; ends with NULL. */
static const char *leads_to[ADDRESSES_MAX + 1];

static struct addrinfo *node_of(const char *text, const char *service)
{
    struct addrinfo *node = mem_alloc(sizeof *node + sizeof(struct sockaddr_in6));
    uint16_t port = htons((uint16_t)(service ? strtoul(service, NULL, 10) : 0));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};

    node->ai_socktype = SOCK_STREAM;
    node->ai_protocol = IPPROTO_TCP;
    node->ai_addr = (struct sockaddr *)(node + 1);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        node->ai_family = AF_INET;
        node->ai_addrlen = sizeof v4;
        memcpy(node->ai_addr, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        node->ai_family = AF_INET6;
        node->ai_addrlen = sizeof v6;
        memcpy(node->ai_addr, &v6, sizeof v6);
    }
    return node;
}

/* Stands before that of the C library, for libcurl too. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    struct addrinfo **link = out;

    if (strcasecmp(name, "many.test") != 0) {
        int (*theirs)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        *(void **)&theirs = dlsym(RTLD_NEXT, "getaddrinfo");
        return theirs(name, service, hints, out);
    }
    *out = NULL;
    for (size_t i = 0; leads_to[i]; i++, link = &(*link)->ai_next)
        *link = node_of(leads_to[i], service);
    return *out ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;

        mem_free(list->ai_canonname);
        mem_free(list);
        list = next;
    }
}

/* -- An address that swallows what is sent to it ------------------------------------------------
 */

struct black_hole {
    int fds[BLACK_FILL + 1];
};

/* A listener whose queue is full drops all that knock. False: there is no such address here. */
static bool black_hole_open(struct black_hole *hole, const char *host, int port)
{
    struct addrinfo *at = node_of(host, arena_cstr(arena, arena_printf(arena, "%d", port)));
    int yes = 1;

    hole->fds[0] = socket(at->ai_family, SOCK_STREAM, 0);
    setsockopt(hole->fds[0], SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool open =
        bind(hole->fds[0], at->ai_addr, at->ai_addrlen) == 0 && listen(hole->fds[0], 0) == 0;
    for (size_t i = 1; i <= BLACK_FILL; i++) {
        hole->fds[i] = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (open)
            (void)!connect(hole->fds[i], at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(at);
    return open;
}

static void black_hole_close(struct black_hole *hole)
{
    for (size_t i = 0; i <= BLACK_FILL; i++)
        close(hole->fds[i]);
}

/* -- Tests --------------------------------------------------------------------------------------
 */

/* A name is looked up anew by each set of transfers. */
static struct transfers *open_for(const struct target_policy *policy, const char *const *addresses)
{
    memset(leads_to, 0, sizeof leads_to);
    for (size_t i = 0; i < ADDRESSES_MAX && addresses[i]; i++)
        leads_to[i] = addresses[i];
    return open_transfers(policy);
}

/* 127.0.0.9 listens; .1, .2 and ::1 are closed. The policy opens 127.0.0.2 and .9. */
static void the_verdict_is_of_the_connection_that_was_used(void **state)
{
    static const struct {
        const char *addresses[ADDRESSES_MAX];
        enum transfer_error error;
    } cases[] = {
        {{"127.0.0.1", "127.0.0.9"}, TRANSFER_ANSWERED},
        {{"127.0.0.9", "127.0.0.1"}, TRANSFER_ANSWERED},
        {{"::1", "127.0.0.9"}, TRANSFER_ANSWERED},
        {{"127.0.0.9", "::1"}, TRANSFER_ANSWERED},
        {{"127.0.0.1", "127.0.0.3", "127.0.0.4", "127.0.0.9"}, TRANSFER_ANSWERED},
        {{"::1", "127.0.0.1", "127.0.0.2", "127.0.0.9", "127.0.0.3"}, TRANSFER_ANSWERED},
        {{"127.0.0.1"}, TRANSFER_REFUSED_ADDRESS},
        {{"127.0.0.1", "::1", "127.0.0.3"}, TRANSFER_REFUSED_ADDRESS},
        {{"127.0.0.1", "127.0.0.2"}, TRANSFER_NO_CONNECTION},
        {{"127.0.0.2", "127.0.0.1"}, TRANSFER_NO_CONNECTION},
        {{"::1", "127.0.0.2"}, TRANSFER_NO_CONNECTION},
    };
    struct cidr ranges[2];
    struct target_policy policy = {.ranges = ranges, .n = COUNT_OF(ranges)};

    assert_true(cidr_parse(SLICE("127.0.0.2"), &ranges[0]));
    assert_true(cidr_parse(SLICE("127.0.0.9"), &ranges[1]));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct transfers *transfers = open_for(&policy, cases[i].addresses);
        struct catcher *catcher = catcher_open_at(arena, "127.0.0.9", 0, FINE_ANSWER);

        for (int n = 1; n <= 2; n++) { /* the second on the connection of the first */
            start(transfers, "MANY.test", catcher->port);
            wait_for(n);
            if (last.error != cases[i].error || last.duration_ms > 2000)
                fail_msg("case %zu: %d after %d ms", i, last.error, (int)last.duration_ms);
        }
        assert_int_equal(catcher->connections, cases[i].error == TRANSFER_ANSWERED);
        assert_int_equal(catcher->requests, cases[i].error == TRANSFER_ANSWERED ? 2 : 0);
        catcher_close(catcher);
        close_transfers(transfers);
    }
}

/* 127.0.0.9 listens, 127.0.0.7 and .8 and ::1 swallow, the others refuse. */
static void every_address_gets_its_share_of_the_time(void **state)
{
    static const struct {
        const char *addresses[ADDRESSES_MAX];
        bool v6;
        uint64_t most_ms;
    } cases[] = {
        {{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9"}, false, 1000},
        {{"127.0.0.7", "127.0.0.9"}, false, 4000},
        {{"127.0.0.7", "127.0.0.8", "127.0.0.9"}, false, 4800},
        {{"127.0.0.7", "127.0.0.2", "127.0.0.3", "127.0.0.9"}, false, 4000},
        {{"::1", "127.0.0.9"}, true, 1000},
        {{"::1", "127.0.0.7", "127.0.0.9"}, true, 4000},
        {{"127.0.0.7", "::1", "127.0.0.9"}, true, 4000},
    };
    static const struct target_policy policy = {.everything = true};
    struct black_hole holes[3];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct transfers *transfers = open_for(&policy, cases[i].addresses);
        struct catcher *catcher = catcher_open_at(arena, "127.0.0.9", 0, FINE_ANSWER);

        assert_true(black_hole_open(&holes[0], "127.0.0.7", catcher->port));
        assert_true(black_hole_open(&holes[1], "127.0.0.8", catcher->port));
        bool v6 = black_hole_open(&holes[2], "::1", catcher->port);
        start(transfers, "many.test", catcher->port);
        wait_for(1);
        if ((v6 || !cases[i].v6) && (last.status != 200 || last.duration_ms > cases[i].most_ms))
            fail_msg("case %zu: %d after %d ms", i, last.error, (int)last.duration_ms);
        for (size_t k = 0; k < COUNT_OF(holes); k++)
            black_hole_close(&holes[k]);
        catcher_close(catcher);
        close_transfers(transfers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_of_the_connection_that_was_used),
        cmocka_unit_test(every_address_gets_its_share_of_the_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
