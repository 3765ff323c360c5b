/* Any bytes as a multipart body with the boundary "b": cut in pieces it must give the same parts
 * and the same payload as in one run. The first byte chooses the size of the pieces. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "gateway/http/multipart.h"
#include "gateway/http/sent_name.h"

#include <assert.h>

enum { LOG_MAX = 4 << 20 };

static void log_part(struct buf *log, const struct multipart_part *part)
{
    size_t at;

    assert(utf8_valid(part->name) && part->name.n <= SENT_NAME_MAX);
    assert(utf8_valid(part->filename) && !slice_find(part->filename, '/', &at));
    assert(part->filename.n <= SENT_NAME_MAX);
    buf_add(log, part->name);
    buf_add(log, part->filename);
    buf_add(log, part->content_type);
}

static enum err read_all(struct multipart *multipart, struct slice body, size_t step,
                         struct buf *log)
{
    enum multipart_event event = MULTIPART_NEED_MORE;
    struct multipart_part part;
    struct slice data;

    for (;;) {
        enum err err = multipart_next(multipart, &event, &part, &data);

        if (err != OK)
            return err;
        if (event == MULTIPART_NEED_MORE) {
            struct slice piece = {body.p, body.n < step ? body.n : step};

            if (body.p == NULL)
                return OK;
            multipart_feed(multipart, piece);
            body = body.n ? slice_from_offset(body, piece.n) : SLICE_NONE;
            continue;
        }
        if (event == MULTIPART_DATA) {
            buf_add(log, data); /* how it is cut into runs may differ */
            continue;
        }
        buf_printf(log, "<%d>", (int)event);
        if (event == MULTIPART_PART)
            log_part(log, &part);
    }
}

static enum err read_body(struct slice body, size_t step, struct buf *log)
{
    struct arena *arena = arena_new();
    struct multipart *multipart = multipart_new(arena, SLICE("multipart/form-data; boundary=b"));

    buf_init(log, LOG_MAX);
    enum err err = read_all(multipart, body, step, log);
    arena_free(arena);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct buf whole, pieces;

    if (n < 2)
        return 0;
    struct slice body = {(const char *)bytes + 1, n - 1};
    enum err err = read_body(body, body.n, &whole);
    assert(read_body(body, bytes[0] % 16 + 1u, &pieces) == err);
    assert(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
