/* Any lines as forwarding fields. The first byte of a line says which field it is. Whoever a client
 * claims to be: once a proxy has appended its own word, that word counts. */
#include "fuzz.h"

#include "gateway/access/hops.h"

#include <assert.h>
#include <string.h>

enum { LINES_MAX = 16 };

static const struct slice names[] = {SLICE_INIT("Forwarded"), SLICE_INIT("X-Forwarded-For"),
                                     SLICE_INIT("X-Forwarded-Proto"),
                                     SLICE_INIT("X-Forwarded-Host")};

static bool is_within(struct slice part, const struct http_head *head)
{
    if (!part.n)
        return true;
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice value = head->headers[i].value;

        if (value.n && part.p >= value.p && part.p + part.n <= value.p + value.n)
            return true;
    }
    return false;
}

static struct http_head read_lines(struct slice rest, struct http_header *headers)
{
    struct http_head head = {.headers = headers};
    struct slice line;

    while (head.header_count < LINES_MAX && slice_split(rest, '\n', &line, &rest)) {
        if (line.n == 0)
            continue;
        struct http_header *header = &headers[head.header_count++];

        header->name = names[(unsigned char)line.p[0] % 4];
        header->value = slice_trim(slice_from_offset(line, 1));
    }
    return head;
}

static void append(struct http_head *head, struct slice name, struct slice value)
{
    head->headers[head->header_count++] = (struct http_header){name, value};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct trusted_proxies proxies = {.n = 1};
    struct http_header headers[LINES_MAX + 2];
    struct http_head head = read_lines((struct slice){(const char *)bytes, n}, headers);
    struct address appended;
    struct hop client;

    cidr_parse(SLICE("10.0.0.0/8"), &proxies.list[0]);
    address_from_text(SLICE("192.0.2.1"), &appended);
    if (hops_are_told(&head)) {
        hops_follow(&head, &proxies, &client);
        assert(is_within(client.scheme, &head) && is_within(client.host, &head));
    }
    append(&head, names[0], SLICE("for=192.0.2.1;proto=http"));
    append(&head, names[1], SLICE("192.0.2.1, 10.0.0.2"));
    hops_follow(&head, &proxies, &client);
    assert(client.known &&
           memcmp(client.address.bytes, appended.bytes, sizeof appended.bytes) == 0);
    return 0;
}
