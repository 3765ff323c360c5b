#include "gateway/access/forwarded.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/gateway.h"

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

bool forwarded_is_safe(const struct request *req)
{
    struct address peer;

    return req->tls || (!req->peer_hidden && address_from_text(req->peer_ip, &peer) &&
                        address_is_loopback(&peer));
}

/* Most likely a proxy that nobody has named to us: all its clients count as one. */
static void warn(const struct request *req)
{
    static uint64_t again_ms;

    if (clock_ms() < again_ms)
        return;
    again_ms = clock_ms() + WARNING_EVERY_MS;
    log_event(LOG_WARN, "forwarding_headers_ignored", F("ip", req->peer_ip),
              F("setting", "trusted_proxies"));
}

/* Schemes have no case; some proxies tell a WebSocket's. */
static bool is_secure(struct slice scheme)
{
    return slice_eq_nocase(scheme, SLICE("https")) || slice_eq_nocase(scheme, SLICE("wss"));
}

void forwarded_apply(struct request *req)
{
    const struct trusted_proxies *proxies = req->gateway->proxies;
    struct address peer;
    struct hop client;

    req->host = request_header(req, "Host");
    if (!hops_are_told(&req->head))
        return;
    if (!address_from_text(req->peer_ip, &peer) || !proxy_is_trusted(proxies, &peer)) {
        warn(req);
        return;
    }
    hops_follow(&req->head, proxies, &client);
    req->peer_hidden = !client.known;
    if (client.known)
        req->peer_ip = address_text(req->task.arena, &client.address);
    if (client.scheme.n)
        req->tls = is_secure(client.scheme);
    if (client.host.n)
        req->host = client.host;
}
