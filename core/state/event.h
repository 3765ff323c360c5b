/* event.h: something that happened to a resource, as it is stored once in its owner's partition
 * and pushed to subscribers and webhooks. The types stand in schemas/events.yaml. */
#pragma once

#include "base/arena.h"

enum event_type {
#define EVENT(name, text, channel, realtime, webhook) EVENT_##name,
#include "events.def"
#undef EVENT
    EVENT_COUNT_
};

enum channel {
    CHANNEL_NONE = -1,
#define CHANNEL(name, text, clients, has_history, slow, sees) CHANNEL_##name,
#include "channels.def"
#undef CHANNEL
    CHANNEL_COUNT
};

enum event_webhook { WEBHOOK_NEVER, WEBHOOK_NAMED, WEBHOOK_ALWAYS }; /* NAMED: not matched by "*" */

struct event_row {
    struct slice name; /* "media.uploaded" */
    enum channel channel;
    bool realtime; /* its channel is for clients; else only gateways hear of it */
    enum event_webhook webhook;
};

const struct event_row *event_row(enum event_type type);
bool event_type_parse(struct slice name, enum event_type *out);

struct event {
    enum event_type type;
    struct slice id;            /* "evt_" + ULID; also the webhook-id */
    struct slice owner;         /* user id: whose event it is */
    struct slice resource;      /* id of the resource */
    struct slice resource_type; /* data.type: image, video, audio, collection, user, ... */
    struct slice changes;       /* JSON object, or empty */
    uint64_t timestamp_ms;      /* Unix */
    /* As read from the stream: */
    struct slice body; /* B: {"event","data":{id,type,user_id},"timestamp"} */
    unsigned partition;
    uint64_t offset;
    char hash[17]; /* of the chain at this event, NUL-terminated */
};

/* What subscribers show at once of what somebody has described anew: what it is called, under that
 * name, and whether all may see it. The rest they read. */
struct slice event_changes_described(struct arena *arena, const char *field, struct slice called,
                                     bool is_public);
/* B, exactly these keys in this order. */
struct slice event_body(struct arena *arena, const struct event *event);
