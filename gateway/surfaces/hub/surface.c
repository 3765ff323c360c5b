/* The hub's own surface: answers are plain objects, errors carry one message. */
#include "gateway/surface.h"
#include "gateway/reply.h"
#include "handlers.h"

static void wrap_data(struct request *req, struct buf *out, struct slice json,
                      const struct page *page)
{
    buf_add(out, json);
}

static void wrap_error(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n)
{
    struct json_writer w;

    jw_init(&w, out);
    jw_object(&w);
    jw_str(&w, "message", message);
    jw_object_end(&w);
}

const struct surface surface_hub = {
    .name = SLICE_INIT("hub"),
    .prefixes = hub_prefixes,
    .wrap_data = wrap_data,
    .wrap_error = wrap_error,
};
