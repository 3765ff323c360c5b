#include "gateway/access/forwarded.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>

enum { WARNING_EVERY_MS = 60000 };

const struct trusted_proxies *trusted_proxies_read(const struct config *config, struct arena *arena)
{
    struct slice rest = config_text(config, "trusted_proxies"), item;
    struct trusted_proxies *out = ARENA_NEW(arena, struct trusted_proxies);

    while (rest.n && slice_split(rest, ',', &item, &rest)) {
        bool ok = out->n < TRUSTED_PROXIES_MAX && cidr_parse(slice_trim(item), &out->list[out->n]);
        assert(ok); /* the setting's kind sees to that */
        out->n += ok;
    }
    return out;
}

bool forwarded_is_safe(const struct visitor *visitor)
{
    struct address peer;

    return visitor->tls || (!visitor->peer_hidden && address_from_text(visitor->peer_ip, &peer) &&
                            address_is_loopback(&peer));
}

/* Most likely a proxy that nobody has named to us: all its clients count as one. */
static void warn(struct slice ip)
{
    static uint64_t again_ms;

    if (clock_ms() < again_ms)
        return;
    again_ms = clock_ms() + WARNING_EVERY_MS;
    log_event(LOG_WARN, "forwarding_headers_ignored", F("ip", ip), F("setting", "trusted_proxies"));
}

/* Schemes have no case; some proxies tell a WebSocket's. */
static bool is_secure(struct slice scheme)
{
    return slice_eq_nocase(scheme, SLICE("https")) || slice_eq_nocase(scheme, SLICE("wss"));
}

void forwarded_apply(struct arena *arena, const struct trusted_proxies *proxies,
                     const struct http_head *head, struct visitor *visitor)
{
    struct address peer;
    struct hop client;

    visitor->host = http1_header(head, "Host");
    if (!hops_are_told(head))
        return;
    if (!address_from_text(visitor->peer_ip, &peer) || !proxy_is_trusted(proxies, &peer)) {
        warn(visitor->peer_ip);
        return;
    }
    hops_follow(head, proxies, &client);
    visitor->peer_hidden = !client.known;
    if (client.known)
        visitor->peer_ip = address_text(arena, &client.address);
    if (client.scheme.n)
        visitor->tls = is_secure(client.scheme);
    if (client.host.n)
        visitor->host = client.host;
}
