/* forwarded.h: who the client really is when a trusted proxy stands in between: the proxies of
 * mediavault.trusted_proxies may say so in X-Forwarded-For and X-Forwarded-Proto; from anyone else
 * these headers mean nothing. Of several lines the last one counts: a proxy that does not extend
 * what the client has sent puts its own line behind it. */
#pragma once

#include "gateway/request.h"

/* Corrects peer_ip and tls. */
void forwarded_apply(struct request *req);
/* Did the request come by TLS, or never leave this machine? */
bool forwarded_is_safe(const struct request *req);
