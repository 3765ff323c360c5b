#include "realtime/sse.h"

static void field(struct buf *out, const char *name, struct slice value)
{
    buf_add(out, slice_from(name));
    buf_add(out, SLICE(": "));
    buf_add(out, value);
    buf_add_char(out, '\n');
}

void sse_message(struct buf *out, struct slice id, struct slice text)
{
    struct slice line;

    if (id.n)
        field(out, "id", id);
    while (slice_split(text, '\n', &line, &text))
        field(out, "data", line);
    buf_add_char(out, '\n');
}

void sse_comment(struct buf *out)
{
    buf_add(out, SLICE(":\n\n"));
}

void sse_retry(struct buf *out, struct slice ms)
{
    field(out, "retry", ms);
    buf_add_char(out, '\n');
}
