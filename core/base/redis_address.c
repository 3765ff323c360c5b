#include "base/redis_address.h"

#include "base/text.h"

#include <sys/un.h>

static bool parse_login(struct arena *arena, struct slice login, struct redis_address *out)
{
    struct slice user, password;

    if (!slice_split(login, ':', &user, &password) || !password.n)
        return false;
    return text_percent_decode(arena, user, false, &out->user) &&
           text_percent_decode(arena, password, false, &out->password);
}

static bool parse_port(struct slice text, uint16_t *out)
{
    uint64_t port;

    if (!slice_to_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *out = (uint16_t)port;
    return true;
}

/* "host", "host:port", "[v6]" or "[v6]:port" */
static bool parse_host(struct arena *arena, struct slice text, struct redis_address *out)
{
    struct slice host = text, port = SLICE_NONE;
    size_t at;

    if (text.n && text.p[0] == '[') {
        if (!slice_find(text, ']', &at))
            return false;
        host = (struct slice){text.p + 1, at - 1};
        port = slice_from_offset(text, at + 1);
        if (port.n && port.p[0] != ':')
            return false;
        port = port.n ? slice_from_offset(port, 1) : SLICE_NONE;
    } else if (slice_find(text, ':', &at)) {
        host.n = at;
        port = slice_from_offset(text, at + 1);
    }
    out->host = arena_cstr(arena, host);
    out->port = REDIS_DEFAULT_PORT;
    return host.n > 0 && (!port.p || parse_port(port, &out->port));
}

bool redis_address_parse(struct arena *arena, struct slice url, struct redis_address *out)
{
    struct slice rest;
    size_t at;

    *out = (struct redis_address){0};
    if (slice_starts_with(url, SLICE("unix:"))) {
        rest = slice_from_offset(url, 5);
        out->path = arena_cstr(arena, rest);
        return rest.n > 0 && rest.n < sizeof((struct sockaddr_un){0}.sun_path);
    }
    if (!slice_starts_with(url, SLICE("redis://")))
        return false;
    rest = slice_from_offset(url, 8);
    if (slice_find(rest, '@', &at)) {
        if (!parse_login(arena, (struct slice){rest.p, at}, out))
            return false;
        rest = slice_from_offset(rest, at + 1);
    }
    if (slice_find(rest, '/', &at)) {
        struct slice db = slice_from_offset(rest, at + 1);

        if (db.n && !slice_to_u64(db, &out->db))
            return false;
        rest.n = at;
    }
    return parse_host(arena, rest, out);
}

/* The login ends before the last '@': a password may have one that is not encoded. */
static size_t end_of_login(struct slice url)
{
    size_t at = slice_starts_with(url, SLICE("unix:")) ? 0 : url.n;

    while (at > 0 && url.p[at - 1] != '@')
        at--;
    return at;
}

bool redis_address_has_login(struct slice url)
{
    return end_of_login(url) > 0;
}

struct slice redis_address_shown(struct arena *arena, struct slice url)
{
    size_t end = end_of_login(url);
    struct slice scheme = SLICE("redis://");

    if (end == 0)
        return url;
    if (!slice_starts_with(url, scheme))
        scheme = SLICE("");
    return arena_printf(arena, "%.*s***@%.*s", SLICE_ARG(scheme),
                        SLICE_ARG(slice_from_offset(url, end)));
}
