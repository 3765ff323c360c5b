/* signed_link.h: paths that a browser can open without a header: `exp`, `user` and `sig` at the end
 * of the query; sig is HMAC-SHA256 over method, path with the rest of the query, exp and user, as
 * base64url. Minted per read; exp is rounded up, so that the link stays the same for a while and
 * caches hit. Good for GET and HEAD of exactly this path. */
#pragma once

#include "state/keyring.h"

enum { LINK_LIFE_S = 3600, LINK_ROUND_S = 900 };

/* The path with the three parameters behind it. user_id: in whose name it is opened. */
struct slice link_sign(struct arena *arena, const struct keyring *keyring,
                       struct slice path_and_query, struct slice user_id, uint64_t now_s);

/* path_and_query: raw, as requested; the three parameters stand last, once, in this order.
 * *user_id: a slice of it. */
bool link_verify(struct arena *arena, const struct keyring *keyring, struct slice path_and_query,
                 uint64_t now_s, struct slice *user_id);
