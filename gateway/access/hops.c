#include "gateway/access/hops.h"

#include <string.h>

static const struct slice forwarded = SLICE_INIT("Forwarded");
static const struct slice x_for = SLICE_INIT("X-Forwarded-For");
static const struct slice x_proto = SLICE_INIT("X-Forwarded-Proto");
static const struct slice x_host = SLICE_INIT("X-Forwarded-Host");

bool proxy_is_trusted(const struct trusted_proxies *proxies, const struct address *address)
{
    for (size_t i = 0; i < proxies->n; i++)
        if (cidr_contains(&proxies->list[i], address))
            return true;
    return false;
}

static bool has_field(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (slice_eq_nocase(head->headers[i].name, name))
            return true;
    return false;
}

static bool has_x_fields(const struct http_head *head)
{
    return has_field(head, x_for) || has_field(head, x_proto) || has_field(head, x_host);
}

bool hops_are_told(const struct http_head *head)
{
    return has_x_fields(head) || has_field(head, forwarded);
}

/* --- lists from their end ----------------------------------------------------------------------
 */

/* A broken beginning is the client's; read from the end it cannot spoil what proxies appended. */
struct cursor {
    const struct http_head *head;
    struct slice name;
    size_t lines_left;
    struct slice line; /* what is left of it; p == NULL: take the next */
};

static struct cursor from_end(const struct http_head *head, struct slice name)
{
    return (struct cursor){.head = head, .name = name, .lines_left = head->header_count};
}

static bool previous_line(struct cursor *cursor)
{
    while (cursor->lines_left > 0) {
        const struct http_header *header = &cursor->head->headers[--cursor->lines_left];

        if (slice_eq_nocase(header->name, cursor->name)) {
            cursor->line = header->value;
            return true;
        }
    }
    return false;
}

/* Where the last item of a list begins; quoted strings are skipped where there are any. */
static size_t last_item(struct slice list, bool quotes)
{
    bool quoted = false;
    size_t at = list.n;

    while (at > 0 && (quoted || list.p[at - 1] != ',')) {
        at--;
        /* A quote behind a backslash is a part of the string. */
        if (quotes && list.p[at] == '"' && (at == 0 || list.p[at - 1] != '\\'))
            quoted = !quoted;
    }
    return at;
}

/* Empty items are none (RFC 9110 section 5.6.1). */
static bool previous(struct cursor *cursor, struct slice *item)
{
    bool quotes = cursor->name.p == forwarded.p;

    while (cursor->line.p || previous_line(cursor)) {
        size_t at = last_item(cursor->line, quotes);

        *item = slice_trim(slice_from_offset(cursor->line, at));
        cursor->line = at ? (struct slice){cursor->line.p, at - 1} : SLICE_NONE;
        if (item->n)
            return true;
    }
    return false;
}

/* --- X-Forwarded-* -----------------------------------------------------------------------------
 */

/* A number, or a name of the proxy's own (RFC 7239 section 6). */
static bool is_port(struct slice text)
{
    uint64_t port;

    if (text.n < 2 || text.p[0] != ':')
        return false;
    text = slice_from_offset(text, 1);
    return text.p[0] == '_' || (slice_to_u64(text, &port) && port <= UINT16_MAX);
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711". */
static bool parse_node(struct slice text, struct address *out)
{
    size_t end = 0;

    if (text.n && text.p[0] == '[') {
        struct slice inner = slice_from_offset(text, 1), port;

        if (!slice_find(inner, ']', &end))
            return false;
        port = slice_from_offset(inner, end + 1);
        inner.n = end;
        return slice_find(inner, ':', &(size_t){0}) && address_from_text(inner, out) &&
               (!port.n || is_port(port));
    }
    if (slice_find(text, ':', &end) && is_port(slice_from_offset(text, end)) &&
        slice_find((struct slice){text.p, end}, '.', &(size_t){0}))
        text.n = end;
    return address_from_text(text, out);
}

static size_t count(const struct http_head *head, struct slice name)
{
    struct cursor cursor = from_end(head, name);
    struct slice item;
    size_t n = 0;

    while (previous(&cursor, &item))
        n++;
    return n;
}

static struct slice first_of_last_line(const struct http_head *head, struct slice name)
{
    struct cursor cursor = from_end(head, name);
    struct slice first = SLICE_NONE, line = SLICE_NONE;

    if (previous_line(&cursor))
        line = cursor.line;
    while (!first.n && slice_split(line, ',', &first, &line))
        first = slice_trim(first);
    return first;
}

/* The item that belongs to the one at `place` from the end of X-Forwarded-For. */
static struct slice item_at(const struct http_head *head, struct slice name, size_t place)
{
    struct cursor cursor = from_end(head, name);
    struct slice item = SLICE_NONE;

    if (count(head, name) != count(head, x_for))
        return first_of_last_line(head, name);
    for (size_t i = 0; i <= place && previous(&cursor, &item); i++)
        ;
    return item;
}

static void follow_x_fields(const struct http_head *head, const struct trusted_proxies *proxies,
                            struct hop *client)
{
    struct cursor cursor = from_end(head, x_for);
    struct slice item;
    size_t place = 0;

    for (size_t i = 0; previous(&cursor, &item); i++) {
        place = i;
        client->known = parse_node(item, &client->address);
        if (!client->known || !proxy_is_trusted(proxies, &client->address))
            break;
    }
    client->scheme = item_at(head, x_proto, place);
    client->host = item_at(head, x_host, place);
}

/* --- Forwarded ---------------------------------------------------------------------------------
 */

/* The value of a pair, without its quotes; what has backslashes is none of ours. False: broken. */
static bool read_value(struct slice text, struct slice *out)
{
    text = slice_trim(text);
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = (struct slice){text.p + 1, text.n - 2};
    *out = text;
    return !memchr(text.n ? text.p : "", '"', text.n) &&
           !memchr(text.n ? text.p : "", '\\', text.n);
}

static size_t pair_end(struct slice element)
{
    bool quoted = false;
    size_t at = 0;

    while (at < element.n && (quoted || element.p[at] != ';'))
        quoted ^= element.p[at++] == '"';
    return at;
}

/* "for=...;proto=https;host=...": a pair that stands twice makes it broken (section 4). */
static bool read_element(struct slice element, struct slice *node, struct hop *out)
{
    struct {
        struct slice name, *value;
    } known[] = {{SLICE("for"), node}, {SLICE("proto"), &out->scheme}, {SLICE("host"), &out->host}};

    out->scheme = out->host = *node = SLICE_NONE;
    while (element.n) {
        size_t end = pair_end(element);
        struct slice name, value, pair = {element.p, end};

        slice_split(pair, '=', &name, &value);
        element = slice_from_offset(element, end < element.n ? end + 1 : end);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (slice_eq_nocase(slice_trim(name), known[i].name) &&
                (known[i].value->p || !value.p || !read_value(value, known[i].value)))
                return false;
    }
    return true;
}

static void follow_forwarded(const struct http_head *head, const struct trusted_proxies *proxies,
                             struct hop *client)
{
    struct cursor cursor = from_end(head, forwarded);
    struct slice item, node;

    while (previous(&cursor, &item)) {
        if (!read_element(item, &node, client)) {
            *client = (struct hop){.known = false};
            return;
        }
        client->known = parse_node(node, &client->address);
        if (!client->known || !proxy_is_trusted(proxies, &client->address))
            return;
    }
}

void hops_follow(const struct http_head *head, const struct trusted_proxies *proxies,
                 struct hop *client)
{
    *client = (struct hop){.known = false};
    if (has_x_fields(head))
        follow_x_fields(head, proxies, client);
    else
        follow_forwarded(head, proxies, client);
}
