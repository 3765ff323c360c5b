/* signed_link.h: paths that a browser can open without a header: `?exp=&sig=`, HMAC-SHA256 over
 * method, path, exp and user. Minted per read; exp is rounded up so that caches hit. */
#pragma once

#include "state/keyring.h"

enum { LINK_LIFE_S = 3600, LINK_ROUND_S = 900 };

/* path + "?exp=..&user=..&sig=..", `separator` '?' or '&' for what already has a query. */
struct slice link_sign(struct arena *arena, const struct keyring *keyring,
                       struct slice path_and_query, struct slice user_id, uint64_t now_s);
/* The query's exp, user and sig against the path (and its other query parameters as signed). */
bool link_verify(struct arena *arena, const struct keyring *keyring, struct slice path_and_query,
                 uint64_t now_s, struct slice *user_id);
