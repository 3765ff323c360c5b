/* forwarded.h: who the client really is when trusted proxies stand in between (trusted_proxies):
 * what hops.h reads of their word is applied to the request. From anyone else these headers mean
 * nothing; that they come is said in the log, at most once a minute. */
#pragma once

#include "base/config.h"
#include "gateway/access/hops.h"
#include "gateway/request.h"

const struct trusted_proxies *trusted_proxies_read(const struct config *config,
                                                   struct arena *arena);

/* Sets host, and corrects peer_ip, peer_hidden and tls. */
void forwarded_apply(struct request *req);
/* Did the request come by TLS, or never leave this machine? */
bool forwarded_is_safe(const struct request *req);
