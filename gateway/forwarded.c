#include "gateway/forwarded.h"

#include "base/address.h"
#include "base/log.h"
#include "gateway/gateway.h"

enum { PROXIES_MAX = 32 };

static struct {
    bool loaded;
    size_t n;
    struct cidr list[PROXIES_MAX];
} proxies;

static void load_proxies(const struct config *config)
{
    struct slice rest = config_text(config, "mediavault.trusted_proxies"), item;

    proxies.loaded = true;
    while (rest.n && slice_split(rest, ',', &item, &rest)) {
        item = slice_trim(item);
        if (item.n == 0)
            continue;
        if (proxies.n == PROXIES_MAX || !cidr_parse(item, &proxies.list[proxies.n]))
            log_event(LOG_ERROR, "trusted_proxy_ignored", F("value", item));
        else
            proxies.n++;
    }
}

static bool is_trusted(struct slice ip)
{
    struct cidr address;

    if (!cidr_parse(ip, &address))
        return false;
    for (size_t i = 0; i < proxies.n; i++)
        if (cidr_contains(&proxies.list[i], &address.base))
            return true;
    return false;
}

bool forwarded_is_loopback(struct slice ip)
{
    return slice_starts_with(ip, SLICE("127.")) || slice_eq(ip, SLICE("::1"));
}

/* Each proxy appends whom it heard from, so the list is read from its end, past our own proxies. */
static void apply_address(struct request *req)
{
    struct slice list = request_header(req, "X-Forwarded-For");
    struct cidr address;

    while (list.n && is_trusted(req->peer_ip)) {
        size_t at = list.n;

        while (at > 0 && list.p[at - 1] != ',')
            at--;
        struct slice last = slice_trim(slice_from_offset(list, at));
        if (!cidr_parse(last, &address))
            return;
        req->peer_ip = last;
        list.n = at > 0 ? at - 1 : 0;
    }
}

void forwarded_apply(struct request *req)
{
    if (!proxies.loaded)
        load_proxies(req->gateway->config);
    if (proxies.n == 0 || !is_trusted(req->peer_ip))
        return;
    req->tls |= slice_eq_nocase(request_header(req, "X-Forwarded-Proto"), SLICE("https"));
    apply_address(req);
}
