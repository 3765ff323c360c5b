/* forwarded.h: who the client really is when trusted proxies stand in between (trusted_proxies):
 * what hops.h reads of their word is applied. From anyone else these headers mean nothing; that
 * they come is said in the log, at most once a minute. */
#pragma once

#include "base/config.h"
#include "gateway/access/hops.h"

/* What a client is told that is not safe in that sense, and has to be. */
#define FORWARDED_HTTPS_REQUIRED                                                                   \
    "HTTPS is required here. Whoever runs the hub can start it with `--tls auto`, which serves "   \
    "https:// on port 8443 with a certificate of its own; or name the proxy that speaks HTTPS "    \
    "for it (trusted_proxies); or allow plain HTTP on a network that is trusted "                  \
    "(mediavault.require_https = off)."

const struct trusted_proxies *trusted_proxies_read(const struct config *config,
                                                   struct arena *arena);

/* Where a request came from: first as the connection tells, then as its client is. */
struct visitor {
    struct slice peer_ip;
    bool peer_hidden; /* a trusted proxy sent it for somebody it does not name */
    bool tls;
    struct slice host; /* by which name the client asked */
};

/* Sets host, and corrects the others. Texts live in the arena, or are the head's. */
void forwarded_apply(struct arena *arena, const struct trusted_proxies *proxies,
                     const struct http_head *head, struct visitor *visitor);
/* Did the request come by TLS, or never leave this machine? */
bool forwarded_is_safe(const struct visitor *visitor);
