/* Who a request comes from, by the word of the proxies on its way. The trusted ones are 10.0.0.0/8
 * and 2001:db8:aaaa::/48. */
#include "gateway/access/hops.h"
#include "unit.h"

enum { LINES_MAX = 6 };

struct row {
    const char *lines[LINES_MAX]; /* "Name: value", first to last */
    const char *address;          /* NULL: nobody knows */
    const char *scheme, *host;    /* NULL: not said */
};

#define FOR "X-Forwarded-For: "
#define PROTO "X-Forwarded-Proto: "
#define HOST "X-Forwarded-Host: "
#define FORWARDED "Forwarded: "

static const struct row by_x_fields[] = {
    {{FOR "192.0.2.1"}, "192.0.2.1", NULL, NULL},
    {{FOR "192.0.2.1:4711"}, "192.0.2.1", NULL, NULL},
    {{FOR "192.0.2.1:0"}, "192.0.2.1", NULL, NULL},
    {{FOR "2001:DB8::7"}, "2001:db8::7", NULL, NULL},
    {{FOR "[2001:db8::7]"}, "2001:db8::7", NULL, NULL},
    {{FOR "[2001:db8::7]:443"}, "2001:db8::7", NULL, NULL},
    {{FOR "[::1]:567"}, "::1", NULL, NULL},
    {{FOR "::ffff:192.0.2.1"}, "192.0.2.1", NULL, NULL},
    {{"x-forwarded-for: 192.0.2.1"}, "192.0.2.1", NULL, NULL},

    /* From the end, past our own. */
    {{FOR "198.51.100.9, 192.0.2.1"}, "192.0.2.1", NULL, NULL},
    {{FOR "198.51.100.9, 192.0.2.1,10.0.0.2"}, "192.0.2.1", NULL, NULL},
    {{FOR "198.51.100.9, 192.0.2.1:8, [2001:db8:aaaa::5]:9 ,10.0.0.2:7"}, "192.0.2.1", NULL, NULL},
    {{FOR "198.51.100.9", FOR "192.0.2.1", FOR "10.0.0.2"}, "192.0.2.1", NULL, NULL},
    {{FOR "192.0.2.1, , ,"}, "192.0.2.1", NULL, NULL},
    {{FOR "10.0.0.3, 10.0.0.2"}, "10.0.0.3", NULL, NULL},

    /* What is no address hides who is behind it. */
    {{FOR "unknown"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1, unknown"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1, _secret, 10.0.0.2"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1/32"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1:"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1:65536"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1:80:80"}, NULL, NULL, NULL},
    {{FOR "192.0.2.1:x"}, NULL, NULL, NULL},
    {{FOR "[192.0.2.1]"}, NULL, NULL, NULL},
    {{FOR "[2001:db8::7"}, NULL, NULL, NULL},
    {{FOR "[2001:db8::7]x"}, NULL, NULL, NULL},
    {{FOR "[]:80"}, NULL, NULL, NULL},
    {{FOR "0x7f.1"}, NULL, NULL, NULL},
    {{FOR "\"192.0.2.1\""}, NULL, NULL, NULL},
    {{FOR ""}, NULL, NULL, NULL},
    {{PROTO "https"}, NULL, "https", NULL},
    {{HOST "hub.example"}, NULL, NULL, "hub.example"},

    /* The entry of the client's own place. */
    {{FOR "192.0.2.1", PROTO "https"}, "192.0.2.1", "https", NULL},
    {{FOR "192.0.2.1, 10.0.0.2", PROTO "https, http"}, "192.0.2.1", "https", NULL},
    {{FOR "192.0.2.1, 10.0.0.2", PROTO "https", PROTO "http"}, "192.0.2.1", "https", NULL},
    {{FOR "198.51.100.9, 192.0.2.1", PROTO "https, http"}, "192.0.2.1", "http", NULL},
    {{FOR "198.51.100.9, 192.0.2.1, 10.0.0.2", HOST "evil, hub:8443, inner"},
     "192.0.2.1",
     NULL,
     "hub:8443"},
    {{FOR "10.0.0.3, 10.0.0.2", PROTO "https, http"}, "10.0.0.3", "https", NULL},

    /* Lists of other lengths: the first entry of the last line. */
    {{FOR "192.0.2.1", PROTO "https,http"}, "192.0.2.1", "https", NULL},
    {{FOR "192.0.2.1", PROTO " , https, http"}, "192.0.2.1", "https", NULL},
    {{FOR "192.0.2.1", PROTO "https", PROTO "http"}, "192.0.2.1", "http", NULL},
    {{FOR "192.0.2.1, 10.0.0.2", PROTO "https"}, "192.0.2.1", "https", NULL},
    {{FOR "192.0.2.1", HOST "hub.example, inner"}, "192.0.2.1", NULL, "hub.example"},

    /* Where both are sent. */
    {{FOR "192.0.2.1", FORWARDED "for=198.51.100.9;proto=https"}, "192.0.2.1", NULL, NULL},
    {{FORWARDED "for=198.51.100.9;host=evil", PROTO "http"}, NULL, "http", NULL},
};

static const struct row by_forwarded[] = {
    {{FORWARDED "for=192.0.2.1"}, "192.0.2.1", NULL, NULL},
    {{FORWARDED "For=\"192.0.2.1:4711\""}, "192.0.2.1", NULL, NULL},
    {{FORWARDED "for=192.0.2.1:4711"}, "192.0.2.1", NULL, NULL},
    {{FORWARDED "for=\"192.0.2.1:_hidden\""}, "192.0.2.1", NULL, NULL},
    {{FORWARDED "for=\"[2001:db8::1]\""}, "2001:db8::1", NULL, NULL},
    {{FORWARDED "for=\"[2001:db8::1]:4711\""}, "2001:db8::1", NULL, NULL},
    {{FORWARDED "for=192.0.2.1;proto=https;by=10.0.0.1;host=hub.example"},
     "192.0.2.1",
     "https",
     "hub.example"},
    {{FORWARDED "HOST=\"hub.example:8443\" ; Proto=HTTPS ; for=192.0.2.1 ; x=\"a;b,c\""},
     "192.0.2.1",
     "HTTPS",
     "hub.example:8443"},

    {{FORWARDED "for=198.51.100.9;proto=https, for=192.0.2.1;proto=http"},
     "192.0.2.1",
     "http",
     NULL},
    {{FORWARDED "for=192.0.2.1;proto=https;host=hub, for=10.0.0.2;proto=http;host=inner"},
     "192.0.2.1",
     "https",
     "hub"},
    {{FORWARDED "for=192.0.2.1;proto=https", FORWARDED "for=10.0.0.2;proto=http"},
     "192.0.2.1",
     "https",
     NULL},
    {{FORWARDED "for=10.0.0.3;proto=https,for=10.0.0.2"}, "10.0.0.3", "https", NULL},

    {{FORWARDED "for=unknown;proto=https"}, NULL, "https", NULL},
    {{FORWARDED "for=192.0.2.1, for=_hidden"}, NULL, NULL, NULL},
    {{FORWARDED "for=192.0.2.1, for=\"_SEVKISEK\", for=10.0.0.2"}, NULL, NULL, NULL},
    {{FORWARDED "for=192.0.2.1, proto=https"}, NULL, "https", NULL},
    {{FORWARDED "for="}, NULL, NULL, NULL},
    {{FORWARDED "for"}, NULL, NULL, NULL},
    {{FORWARDED "for=\"192.0.2.1"}, NULL, NULL, NULL},
    {{FORWARDED "for=192.0.2.1;for=192.0.2.1"}, NULL, NULL, NULL},
    {{FORWARDED "for=\"192.0.2.\\1\""}, NULL, NULL, NULL},
    {{FORWARDED ""}, NULL, NULL, NULL},

    /* What a client begins cannot swallow what a proxy appends. */
    {{FORWARDED "for=\", for=192.0.2.1;proto=http"}, "192.0.2.1", "http", NULL},
    {{FORWARDED "for=\"x\\\", for=\"[2001:db8::1]:7\""}, "2001:db8::1", NULL, NULL},
    {{FORWARDED "host=\"a, for=198.51.100.9;proto=https", FORWARDED "for=192.0.2.1"},
     "192.0.2.1",
     NULL,
     NULL},
};

static struct http_head head_of(const struct row *row, struct http_header *headers)
{
    struct http_head head = {.headers = headers};

    while (head.header_count < LINES_MAX && row->lines[head.header_count]) {
        struct http_header *header = &headers[head.header_count];

        slice_split(slice_from(row->lines[head.header_count]), ':', &header->name, &header->value);
        header->value = slice_trim(header->value);
        head.header_count++;
    }
    return head;
}

static void check(const struct row *row, const struct trusted_proxies *proxies)
{
    struct arena *arena = arena_new();
    struct http_header headers[LINES_MAX];
    struct http_head head = head_of(row, headers);
    struct hop got;

    assert_true(hops_are_told(&head));
    hops_follow(&head, proxies, &got);
    if (got.known != (row->address != NULL) ||
        (got.known && !slice_eq(address_text(arena, &got.address), slice_from(row->address))) ||
        !slice_eq(got.scheme, slice_from(row->scheme)) ||
        !slice_eq(got.host, slice_from(row->host)))
        fail_msg("%s ..: %.*s %.*s", row->lines[0], SLICE_ARG(got.scheme), SLICE_ARG(got.host));
    arena_free(arena);
}

static void the_client_is_the_first_that_is_no_proxy(void **state)
{
    struct trusted_proxies proxies = {.n = 2};

    assert_true(cidr_parse(SLICE("10.0.0.0/8"), &proxies.list[0]));
    assert_true(cidr_parse(SLICE("2001:db8:aaaa::/48"), &proxies.list[1]));
    for (size_t i = 0; i < COUNT_OF(by_x_fields); i++)
        check(&by_x_fields[i], &proxies);
    for (size_t i = 0; i < COUNT_OF(by_forwarded); i++)
        check(&by_forwarded[i], &proxies);
}

static void nothing_is_told_by_other_fields(void **state)
{
    struct http_header header = {SLICE("X-Real-IP"), SLICE("192.0.2.1")};
    struct http_head head = {.headers = &header, .header_count = 1};

    assert_false(hops_are_told(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_first_that_is_no_proxy),
        cmocka_unit_test(nothing_is_told_by_other_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
