/* forwarded.h: who the client really is when trusted proxies stand in between (trusted_proxies):
 * what hops.h reads of their word is applied to the request. From anyone else these headers mean
 * nothing; that they come is said in the log, at most once a minute. */
#pragma once

#include "base/config.h"
#include "gateway/access/hops.h"
#include "gateway/request.h"

/* What a client is told that is not safe in that sense, and has to be. */
#define FORWARDED_HTTPS_REQUIRED                                                                   \
    "HTTPS is required here. Whoever runs the hub can start it with `--tls auto`, which serves "   \
    "https:// on port 8443 with a certificate of its own; or name the proxy that speaks HTTPS "    \
    "for it (trusted_proxies); or allow plain HTTP on a network that is trusted "                  \
    "(mediavault.require_https = off)."

const struct trusted_proxies *trusted_proxies_read(const struct config *config,
                                                   struct arena *arena);

/* Sets host, and corrects peer_ip, peer_hidden and tls. */
void forwarded_apply(struct request *req);
/* Did the request come by TLS, or never leave this machine? */
bool forwarded_is_safe(const struct request *req);
