#include "realtime/handshake.h"

#include "base/text.h"

#include <openssl/evp.h>

enum { KEY_BYTES = 16, SHA1_BYTES = 20 };

static const struct slice protocol = SLICE_INIT("mediavault.v1");

static bool offers(struct slice offered, struct slice wanted)
{
    struct slice one;

    while (slice_split(offered, ',', &one, &offered))
        if (slice_eq(slice_trim(one), wanted))
            return true;
    return false;
}

/* Section 4.2.2, item 5.4. */
static struct slice accept_value(struct arena *arena, struct slice key)
{
    struct slice text =
        arena_printf(arena, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", SLICE_ARG(key));
    unsigned char hash[SHA1_BYTES];

    if (!EVP_Digest(text.p, text.n, hash, NULL, EVP_sha1(), NULL))
        abort();
    return text_base64(arena, (struct slice){(const char *)hash, sizeof hash});
}

enum err handshake_accept(struct arena *arena, struct slice key, struct slice version,
                          struct slice offered_protocols, struct slice *answer)
{
    struct slice nonce;

    if (!slice_eq(version, SLICE("13")))
        return ERR_UPGRADE_REQUIRED;
    if (!text_unbase64(arena, key, &nonce) || nonce.n != KEY_BYTES)
        return ERR_BAD_REQUEST;
    bool chosen = offers(offered_protocols, protocol);
    *answer =
        arena_printf(arena,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %.*s\r\n%s%s%s\r\n",
                     SLICE_ARG(accept_value(arena, key)), chosen ? "Sec-WebSocket-Protocol: " : "",
                     chosen ? protocol.p : "", chosen ? "\r\n" : "");
    return OK;
}
