/* signing.h: Standard Webhooks 1.0.0, symmetric: "v1," + base64(HMAC-SHA256(key,
 * id.timestamp.body)). The timestamp is the attempt's, so every attempt is signed anew under the
 * same id. */
#pragma once

#include "base/arena.h"

enum { SIGNING_KEY_MIN_BYTES = 24, SIGNING_KEY_MAX_BYTES = 64 };

/* "whsec_" + base64 of the key. False: not of this form, or a key of another length. */
bool signing_key_parse(struct arena *arena, struct slice secret, struct slice *key);

struct slice signing_v1(struct arena *arena, struct slice key, struct slice id,
                        uint64_t timestamp_s, struct slice body);
