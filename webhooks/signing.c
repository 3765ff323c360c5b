#include "webhooks/signing.h"

#include "base/crypto.h"
#include "base/text.h"

#include <inttypes.h>

bool signing_key_parse(struct arena *arena, struct slice secret, struct slice *key)
{
    static const struct slice prefix = SLICE_INIT("whsec_");

    return slice_starts_with(secret, prefix) &&
           text_unbase64(arena, slice_from_offset(secret, prefix.n), key) &&
           key->n >= SIGNING_KEY_MIN_BYTES && key->n <= SIGNING_KEY_MAX_BYTES;
}

struct slice signing_v1(struct arena *arena, struct slice key, struct slice id,
                        uint64_t timestamp_s, struct slice body)
{
    uint8_t mac[SHA256_BYTES];
    struct slice content =
        arena_printf(arena, "%.*s.%" PRIu64 ".%.*s", SLICE_ARG(id), timestamp_s, SLICE_ARG(body));

    hmac_sha256(key, content, mac);
    struct slice signature = text_base64(arena, (struct slice){(const char *)mac, sizeof mac});
    return arena_printf(arena, "v1,%.*s", SLICE_ARG(signature));
}
