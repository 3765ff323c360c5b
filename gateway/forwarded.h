/* forwarded.h: who the client really is when a trusted proxy stands in between: the proxies of
 * mediavault.trusted_proxies may say so in X-Forwarded-For and X-Forwarded-Proto; from anyone else
 * these headers mean nothing. */
#pragma once

#include "gateway/request.h"

/* Corrects peer_ip and tls. */
void forwarded_apply(struct request *req);
bool forwarded_is_loopback(struct slice ip);
