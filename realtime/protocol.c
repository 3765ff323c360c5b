#include "realtime/protocol.h"

#include "base/clock.h"
#include "base/json.h"
#include "realtime/channel.h"
#include "state/job_kind.h"

#include <assert.h>

enum { MESSAGE_MAX_BYTES = 1 << 20 };

static const char protocol_version[] = "1.0.0";

static const struct {
    struct slice name;
    enum command_type type;
} command_types[] = {
#define COMMAND(name, type) {SLICE_INIT(type), COMMAND_##name},
#include "commands.def"
#undef COMMAND
};

static bool find_type(struct slice name, enum command_type *out)
{
    for (size_t i = 0; i < sizeof command_types / sizeof *command_types; i++) {
        if (slice_eq(command_types[i].name, name)) {
            *out = command_types[i].type;
            return true;
        }
    }
    return false;
}

/* `id` is a text or an integer; it goes back as it came. */
static bool read_reference(struct arena *arena, const json_t *value, struct slice *out)
{
    if (!value || json_is_null(value))
        return true;
    if (json_is_string(value) && json_string_length(value) > REFERENCE_MAX_BYTES)
        return false;
    if (!json_is_string(value) && !json_is_integer(value))
        return false;
    *out = json_dump(arena, value);
    return true;
}

/* An absent or null field gives an empty slice. */
static bool read_text(const json_t *object, const char *key, size_t max_bytes, struct slice *out)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return true;
    *out = json_get_slice(object, key);
    return json_is_string(value) && out->n <= max_bytes;
}

static const char *read_place(const json_t *object, struct command *out)
{
    struct slice resource = SLICE_NONE;

    if (!read_text(object, "channel", NAME_MAX_BYTES, &out->channel) || !out->channel.n) {
        out->channel = SLICE_NONE;
        return "`channel` must be the name of a channel.";
    }
    if (!read_text(object, "resource_id", NAME_MAX_BYTES, &resource))
        return "`resource_id` must be an id, null or \"*\".";
    if (!slice_eq(resource, SLICE("*")))
        out->resource_id = resource;
    if (!read_text(object, "since", WEBSOCKET_MAX_MESSAGE, &out->since))
        return "`since` must be a position.";
    out->has_since = out->since.p != NULL;
    return NULL;
}

static const char *read_command(struct arena *arena, const json_t *object, struct command *out)
{
    if (!json_is_object(object))
        return "Each message is one JSON object.";
    if (!read_reference(arena, json_object_get(object, "id"), &out->reference))
        return "`id` must be a short text or an integer.";
    if (!find_type(json_get_slice(object, "type"), &out->type))
        return "`type` must be auth, subscribe, unsubscribe or ping.";
    if (out->type == COMMAND_SUBSCRIBE || out->type == COMMAND_UNSUBSCRIBE)
        return read_place(object, out);
    if (out->type == COMMAND_AUTH) {
        out->token = json_get_slice(object, "token");
        if (!out->token.n)
            return "`token` must be an access token or an API key.";
    }
    return NULL;
}

enum err command_parse(struct arena *arena, struct slice text, struct command *out,
                       struct slice *problem)
{
    *out = (struct command){0};
    *problem = slice_from(read_command(arena, json_parse(arena, text), out));
    return problem->n ? ERR_VALIDATION : OK;
}

struct writing {
    struct buf text;
    struct json_writer w;
    size_t position_at, position_n;
};

static void begin(struct writing *m, const char *type, const struct command *answered)
{
    buf_init(&m->text, MESSAGE_MAX_BYTES);
    jw_init(&m->w, &m->text);
    jw_object(&m->w);
    jw_str(&m->w, "type", slice_from(type));
    if (answered && answered->reference.n) {
        jw_key(&m->w, "reply_to");
        jw_raw(&m->w, answered->reference);
    }
}

static struct message *end(struct writing *m)
{
    jw_object_end(&m->w);
    assert(!m->text.overflow);
    struct message *message = message_new(OPCODE_TEXT, buf_slice(&m->text));
    message->position_at = (uint32_t)m->position_at;
    message->position_n = (uint32_t)m->position_n;
    buf_fini(&m->text);
    return message;
}

/* Its text needs no escapes. */
static void put_position(struct writing *m, struct slice position)
{
    jw_str_or_null(&m->w, "position", position);
    m->position_at = m->text.n - position.n - 1;
    m->position_n = position.n;
}

struct message *message_welcome(struct slice session_id)
{
    struct writing m = {0};

    begin(&m, "welcome", NULL);
    jw_str(&m.w, "session_id", session_id);
    jw_int(&m.w, "auth_timeout", AUTH_TIMEOUT_S);
    jw_int(&m.w, "heartbeat", HEARTBEAT_S);
    jw_str(&m.w, "version", slice_from(protocol_version));
    return end(&m);
}

struct message *message_auth_ok(const struct command *answered, struct slice user_id,
                                uint64_t expires_ms)
{
    struct writing m = {0};

    begin(&m, "auth_ok", answered);
    jw_str(&m.w, "user_id", user_id);
    jw_time(&m.w, "expires_at", expires_ms);
    return end(&m);
}

static void put_error(struct writing *m, enum err why, struct slice detail)
{
    const struct err_row *row = err_row(why);

    jw_key(&m->w, "error");
    jw_object(&m->w);
    jw_str(&m->w, "code", row->slug);
    jw_str(&m->w, "message", detail.n ? detail : row->message);
    jw_object_end(&m->w);
}

struct message *message_auth_error(const struct command *answered, struct slice message)
{
    struct writing m = {0};

    begin(&m, "auth_error", answered);
    put_error(&m, ERR_UNAUTHORIZED, message);
    return end(&m);
}

static void put_place(struct writing *m, const struct command *answered)
{
    jw_str(&m->w, "channel", answered->channel);
    jw_str_or_null(&m->w, "resource_id", answered->resource_id);
}

struct message *message_subscribed(const struct command *answered, struct slice position,
                                   enum recovered recovered)
{
    struct writing m = {0};

    begin(&m, "subscribed", answered);
    put_place(&m, answered);
    put_position(&m, position);
    if (recovered != RECOVERED_NOT_ASKED)
        jw_flag(&m.w, "recovered", recovered == RECOVERED_YES);
    return end(&m);
}

struct message *message_unsubscribed(const struct command *answered, struct slice position)
{
    struct writing m = {0};

    begin(&m, "unsubscribed", answered);
    put_place(&m, answered);
    put_position(&m, position);
    return end(&m);
}

struct message *message_error(const struct command *answered, enum err why, struct slice detail)
{
    struct writing m = {0};

    begin(&m, "error", answered);
    put_error(&m, why, detail);
    if (answered && answered->channel.n)
        put_place(&m, answered);
    return end(&m);
}

struct message *message_pong(const struct command *answered)
{
    struct writing m = {0};

    begin(&m, "pong", answered);
    jw_time(&m.w, "timestamp", clock_unix_ms());
    return end(&m);
}

struct message *message_token_expiring(uint64_t expires_ms)
{
    struct writing m = {0};

    begin(&m, "token_expiring", NULL);
    jw_time(&m.w, "expires_at", expires_ms);
    return end(&m);
}

struct message *message_gap(struct slice channel, struct slice position, struct slice reason)
{
    struct writing m = {0};

    begin(&m, "gap", NULL);
    jw_str(&m.w, "channel", channel);
    jw_str_or_null(&m.w, "resource_id", SLICE_NONE);
    put_position(&m, position);
    jw_str(&m.w, "reason", reason);
    return end(&m);
}

/* The members of a serialised object, to stand among others. */
static struct slice members(struct slice object)
{
    assert(object.n >= 2 && object.p[0] == '{');
    return (struct slice){object.p + 1, object.n - 2};
}

struct message *message_event(const struct event *event, struct slice channel,
                              struct slice position)
{
    struct writing m = {0};

    begin(&m, "event", NULL);
    jw_str(&m.w, "id", event->id);
    put_position(&m, position);
    jw_str(&m.w, "channel", channel);
    jw_str(&m.w, "resource_id", event->resource);
    jw_raw(&m.w, members(event->body));
    jw_key(&m.w, "changes");
    jw_raw(&m.w, event->changes.n ? event->changes : SLICE("{}"));
    return end(&m);
}

struct message *message_progress(const struct progress *progress)
{
    struct writing m = {0};

    begin(&m, "event", NULL);
    jw_str_or_null(&m.w, "id", SLICE_NONE);
    jw_str_or_null(&m.w, "position", SLICE_NONE);
    jw_str(&m.w, "channel", channel_row(CHANNEL_JOB_PROGRESS)->name);
    jw_str(&m.w, "resource_id", progress->subject_id);
    jw_str(&m.w, "event", SLICE("job.progress"));
    jw_key(&m.w, "data");
    jw_object(&m.w);
    jw_str(&m.w, "id", progress->subject_id);
    jw_str(&m.w, "job_id", progress->job_id);
    jw_str(&m.w, "kind", progress->kind);
    jw_str(&m.w, "user_id", progress->owner);
    jw_str(&m.w, "status", job_status_name(progress->state));
    jw_int(&m.w, "percent", progress->percent);
    jw_object_end(&m.w);
    jw_time(&m.w, "timestamp", clock_unix_ms());
    return end(&m);
}
