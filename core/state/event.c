#include "state/event.h"

#include "base/clock.h"
#include "base/json.h"

#include <assert.h>

enum { BODY_MAX_BYTES = 4096, DESCRIBED_MAX_BYTES = 8192 };

static const struct event_row rows[] = {
#define EVENT(name, text, channel, realtime, webhook)                                              \
    {SLICE_INIT(text), CHANNEL_##channel, realtime, webhook},
#include "events.def"
#undef EVENT
};

const struct event_row *event_row(enum event_type type)
{
    assert(type < EVENT_COUNT_);
    return &rows[type];
}

bool event_type_parse(struct slice name, enum event_type *out)
{
    for (unsigned i = 0; i < EVENT_COUNT_; i++) {
        if (slice_eq(name, rows[i].name)) {
            *out = (enum event_type)i;
            return true;
        }
    }
    return false;
}

struct slice event_body(struct arena *arena, const struct event *event)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, BODY_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "event", event_row(event->type)->name);
    jw_key(&w, "data");
    jw_object(&w);
    jw_str(&w, "id", event->resource);
    jw_str(&w, "type", event->resource_type);
    jw_str(&w, "user_id", event->owner);
    jw_object_end(&w);
    jw_time(&w, "timestamp", event->timestamp_ms);
    jw_object_end(&w);
    assert(!buf.overflow);
    struct slice body = arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return body;
}

struct slice event_changes_described(struct arena *arena, const char *field, struct slice called,
                                     bool is_public)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, DESCRIBED_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, field, called);
    jw_flag(&w, "is_public", is_public);
    jw_object_end(&w);
    struct slice json = buf.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
}
