#include "base/addresses.h"

#include "base/address.h"
#include "base/listen.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

struct found {
    struct arena *arena;
    struct slice *items;
    size_t n;
};

static void add(struct found *found, struct slice item)
{
    if (found->n < ADDRESSES_MAX)
        found->items[found->n++] = item;
}

static bool needs_scope(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >>
                16) == 0xa9fe; /* 169.254.0.0/16 */
    return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static void add_interfaces(struct found *found, const struct ifaddrs *interfaces, int family,
                           bool loopback)
{
    for (const struct ifaddrs *at = interfaces; at; at = at->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        const void *bytes;

        if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP) ||
            !(at->ifa_flags & IFF_LOOPBACK) == loopback || needs_scope(at->ifa_addr))
            continue;
        bytes = family == AF_INET
                    ? (const void *)&((struct sockaddr_in *)(void *)at->ifa_addr)->sin_addr
                    : (const void *)&((struct sockaddr_in6 *)(void *)at->ifa_addr)->sin6_addr;
        if (inet_ntop(family, bytes, text, sizeof text))
            add(found, arena_dup(found->arena, slice_from(text)));
    }
}

size_t addresses_of_host(struct arena *arena, struct slice out[ADDRESSES_MAX])
{
    struct found found = {arena, out, 0};
    struct ifaddrs *interfaces;

    if (getifaddrs(&interfaces) != 0)
        return 0;
    for (int pass = 0; pass < 4; pass++)
        add_interfaces(&found, interfaces, pass % 2 ? AF_INET6 : AF_INET, pass < 2);
    freeifaddrs(interfaces);
    return found.n;
}

static bool is_v6(struct slice address)
{
    size_t at;

    return slice_find(address, ':', &at);
}

static struct slice url_of(struct arena *arena, const char *scheme, struct slice host,
                           uint64_t port)
{
    return arena_printf(arena, is_v6(host) ? "%s://[%.*s]:%u" : "%s://%.*s:%u", scheme,
                        SLICE_ARG(host), (unsigned)port);
}

/* Of the loopback one address is enough. */
static bool is_other_loopback(struct slice address)
{
    struct cidr cidr;

    return cidr_parse(address, &cidr) && address_is_loopback(&cidr.base);
}

size_t addresses_urls(struct arena *arena, const char *scheme, struct slice host_port,
                      const struct slice *addresses, size_t n, struct slice urls[ADDRESSES_MAX])
{
    struct found found = {arena, urls, 0};
    struct slice host;
    uint64_t port;
    bool bracketed;

    bool ok = listen_parse(host_port, &host, &port, &bracketed);
    assert(ok);
    (void)ok;
    bool v4_only = slice_eq(host, SLICE("0.0.0.0"));
    if (!v4_only && host.n && !slice_eq(host, SLICE("::"))) {
        add(&found, url_of(arena, scheme, host, port));
        return found.n;
    }
    add(&found, url_of(arena, scheme, SLICE("127.0.0.1"), port));
    for (size_t i = 0; i < n; i++)
        if (!is_other_loopback(addresses[i]) && !(v4_only && is_v6(addresses[i])))
            add(&found, url_of(arena, scheme, addresses[i], port));
    return found.n;
}
