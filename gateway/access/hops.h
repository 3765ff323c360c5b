/* hops.h: the way of a request as the proxies on it tell: Forwarded (RFC 7239), or X-Forwarded-For,
 * -Proto and -Host, which it was made of. Every proxy appends whom it heard from. So the list is
 * read from its end, past the proxies that are trusted; the first that is not is the client, and
 * what stands before it is his own invention. Where both kinds are sent, the X- fields count: a
 * proxy that knows Forwarded alone is rare, one that hands on a client's Forwarded is not.
 *
 * Pure; borrows from the head, never suspends. Several lines of one name are one list. */
#pragma once

#include "base/address.h"
#include "gateway/http/http1.h"

enum { TRUSTED_PROXIES_MAX = 32 };

struct trusted_proxies {
    struct cidr list[TRUSTED_PROXIES_MAX];
    size_t n;
};

bool proxy_is_trusted(const struct trusted_proxies *proxies, const struct address *address);

struct hop {
    bool known; /* false: hidden ("unknown", "_name"), not said, or no address */
    struct address address;
    struct slice scheme, host; /* in which and by which name the client asked; empty: not said */
};

/* Is there any forwarding field? */
bool hops_are_told(const struct http_head *head);

/* The client of a request that a trusted proxy sent. Of X-Forwarded-Proto and -Host the entry of
 * the client's own place counts; where the lists are not of one length, the first entry of the last
 * line: a proxy that does not extend what the client has sent puts its own line behind it. */
void hops_follow(const struct http_head *head, const struct trusted_proxies *proxies,
                 struct hop *client);
