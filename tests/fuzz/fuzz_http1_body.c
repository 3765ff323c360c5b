/* Any bytes as a chunked body: cut in pieces it must decode to the same as in one run. The first
 * byte chooses the size of the pieces. */
#include "fuzz.h"

#include "base/buf.h"
#include "gateway/http/http1.h"

#include <assert.h>

enum { PAYLOAD_MAX = 1 << 20 };

struct result {
    enum err err;
    bool done;
    size_t used;
    struct buf payload;
    struct slice trailer; /* in the body's memory */
    struct http1_body body;
};

static void decode(struct slice input, size_t step, struct result *out)
{
    struct http_header announcing[] = {{SLICE_INIT("Trailer"), SLICE_INIT("a, Upload-Checksum")}};
    struct http_head head = {.chunked = true, .headers = announcing, .header_count = 1};
    struct http1_body *body = &out->body;

    *out = (struct result){.err = OK};
    buf_init(&out->payload, PAYLOAD_MAX);
    http1_body_init(body, &head);
    while (out->used < input.n && body->state != BODY_DONE && !out->err) {
        size_t left = input.n - out->used;
        struct slice in = {input.p + out->used, left < step ? left : step}, run;
        size_t before = in.n;

        out->err = http1_body_next(body, &in, &run);
        buf_add(&out->payload, run);
        out->used += before - in.n;
    }
    out->done = body->state == BODY_DONE;
    out->trailer = http1_trailer(body, &head, "a");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct result whole, pieces;

    if (n == 0)
        return 0;
    struct slice input = {(const char *)bytes + 1, n - 1};
    decode(input, n, &whole);
    decode(input, bytes[0] % 16 + 1u, &pieces);
    assert(whole.err == pieces.err && whole.done == pieces.done);
    assert(slice_eq(buf_slice(&whole.payload), buf_slice(&pieces.payload)));
    assert(whole.err || whole.used == pieces.used);
    assert(slice_eq(whole.trailer, pieces.trailer));
    http1_body_fini(&whole.body);
    http1_body_fini(&pieces.body);
    buf_fini(&whole.payload);
    buf_fini(&pieces.payload);
    return 0;
}
