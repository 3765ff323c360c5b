/* Any bytes as what a client sends: read whole and read byte by byte they must mean the same, and
 * only UTF-8 within the bounds comes out as text. */
#include "fuzz.h"

#include "base/json.h"
#include "realtime/websocket.h"

#include <assert.h>
#include <string.h>

struct reader {
    struct websocket ws;
    struct buf seen; /* kind, code, length and payload of each item */
};

/* Those that only tell what happened (1005, 1006, 1015) and those of nobody are not for the wire.
 */
static bool may_be_sent(unsigned code)
{
    static const unsigned reserved[] = {1004, 1005, 1006, 1015};

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (code == reserved[i])
            return false;
    return (code >= 1000 && code < 1016) || (code >= 3000 && code < 5000);
}

static void note(struct reader *reader, enum websocket_item item, const struct websocket_message *m)
{
    if (item == WEBSOCKET_TEXT)
        assert(m->payload.n <= WEBSOCKET_MAX_MESSAGE && utf8_valid(m->payload));
    if (item == WEBSOCKET_PING || item == WEBSOCKET_PONG)
        assert(m->payload.n <= WEBSOCKET_MAX_CONTROL);
    if (item == WEBSOCKET_CLOSE)
        assert(m->code == CODE_NONE || (may_be_sent(m->code) && utf8_valid(m->payload)));
    buf_printf(&reader->seen, "%d %u %zu ", item, item >= WEBSOCKET_CLOSE ? m->code : 0,
               m->payload.n);
    buf_add(&reader->seen, m->payload);
}

static void feed(struct reader *reader, struct slice in)
{
    struct websocket_message m = {0};
    enum websocket_item item;

    while ((item = websocket_next(&reader->ws, &in, &m)) != WEBSOCKET_MORE) {
        note(reader, item, &m);
        m = (struct websocket_message){0};
    }
    assert(in.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice input = {(const char *)bytes, n};
    struct reader whole, pieces;

    buf_init(&whole.seen, 64 << 20);
    buf_init(&pieces.seen, 64 << 20);
    websocket_init(&whole.ws);
    websocket_init(&pieces.ws);
    feed(&whole, input);
    for (size_t i = 0; i < n; i++)
        feed(&pieces, (struct slice){input.p + i, 1});
    assert(slice_eq(buf_slice(&whole.seen), buf_slice(&pieces.seen)));
    websocket_fini(&whole.ws);
    websocket_fini(&pieces.ws);
    buf_fini(&whole.seen);
    buf_fini(&pieces.seen);
    return 0;
}
