#include "gateway/access/forwarded.h"

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

bool forwarded_is_safe(const struct request *req)
{
    return req->tls || slice_starts_with(req->peer_ip, SLICE("127.")) ||
           slice_eq(req->peer_ip, SLICE("::1"));
}

/* Each proxy appends whom it heard from, so the list is read from its end, past our own proxies.
 * False: something in it is no address, nothing before that can be believed. */
static bool follow(struct request *req, struct slice list)
{
    struct cidr address;

    while (list.n && is_trusted(req->peer_ip)) {
        size_t at = list.n;

        while (at > 0 && list.p[at - 1] != ',')
            at--;
        struct slice last = slice_trim(slice_from_offset(list, at));
        if (!cidr_parse(last, &address))
            return false;
        req->peer_ip = last;
        list.n = at > 0 ? at - 1 : 0;
    }
    return true;
}

static struct slice last_line(const struct request *req, struct slice name)
{
    for (size_t i = req->head.header_count; i-- > 0;)
        if (slice_eq_nocase(req->head.headers[i].name, name))
            return req->head.headers[i].value;
    return SLICE_NONE;
}

static void apply_address(struct request *req)
{
    for (size_t i = req->head.header_count; i-- > 0;) {
        const struct http_header *header = &req->head.headers[i];

        if (slice_eq_nocase(header->name, SLICE("X-Forwarded-For")) && !follow(req, header->value))
            return;
    }
}

void forwarded_apply(struct request *req)
{
    if (!proxies.loaded)
        load_proxies(req->gateway->config);
    if (proxies.n == 0 || !is_trusted(req->peer_ip))
        return;
    req->tls |= slice_eq_nocase(last_line(req, SLICE("X-Forwarded-Proto")), SLICE("https"));
    apply_address(req);
}
