#include "gateway/realtime_ticket.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/seal.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "gateway/realtime_door.h"
#include "gateway/reply.h"
#include "realtime/realtime.h"
#include "state/record.h"
#include "state/state.h"

#include <string.h>

enum { TICKET_BYTES = 32, TICKET_MAX_BYTES = 64, MS = 1000 };

static struct slice key_of(struct arena *arena, const char *kind, struct slice ticket)
{
    return arena_printf(arena, "%s:%.*s", kind, SLICE_ARG(sha256_hex(arena, ticket)));
}

/* Only who has the ticket opens what was sealed for it. */
static struct seal_key sealing_key(struct arena *arena, struct slice ticket)
{
    return seal_key_from(arena, "credentials", ticket);
}

static struct slice seal_for(struct arena *arena, struct slice ticket, struct slice place,
                             struct slice credentials)
{
    struct seal_key key = sealing_key(arena, ticket);

    return seal(arena, &key, place, credentials);
}

static enum err open_for(struct arena *arena, struct slice ticket, struct slice place,
                         struct slice sealed, struct slice *credentials)
{
    struct seal_key key = sealing_key(arena, ticket);

    return seal_open(arena, &key, place, sealed, credentials) == SEAL_OPENED ? OK
                                                                             : ERR_UNAUTHORIZED;
}

enum err realtime_ticket_issue(struct task *task, struct gateway *gateway, struct slice credentials,
                               struct slice *ticket)
{
    uint8_t bytes[TICKET_BYTES];

    random_bytes(bytes, sizeof bytes);
    *ticket = arena_printf(
        task->arena, "tkt_%.*s",
        SLICE_ARG(text_base64url(task->arena, (struct slice){(const char *)bytes, sizeof bytes})));
    struct slice key = key_of(task->arena, "ticket", *ticket);
    struct redis_value reply;

    return state_command(task, gateway->state->volatile_redis, &reply, SLICE("SET"), key,
                         seal_for(task->arena, *ticket, key, credentials), SLICE("EX"),
                         record_number(task->arena, TICKET_LIFE_S));
}

static enum err fetch(struct task *task, struct gateway *gateway, struct slice command,
                      struct slice key, struct slice *text)
{
    struct redis_value reply;
    enum err err = state_command(task, gateway->state->volatile_redis, &reply, command, key);

    if (err != OK)
        return err;
    if (reply.type != REDIS_TEXT)
        return ERR_UNAUTHORIZED;
    *text = reply.text;
    return OK;
}

enum err realtime_ticket_spend(struct task *task, struct gateway *gateway, struct slice ticket,
                               struct slice *credentials)
{
    struct slice key = key_of(task->arena, "ticket", ticket), sealed;
    enum err err = ticket.n > TICKET_MAX_BYTES
                       ? ERR_UNAUTHORIZED
                       : fetch(task, gateway, SLICE("GETDEL"), key, &sealed);

    return err == OK ? open_for(task->arena, ticket, key, sealed, credentials) : err;
}

static uint64_t life_left_s(uint64_t expires_ms)
{
    uint64_t now_ms = clock_unix_ms(), left_s = TICKET_STREAM_LIFE_S;

    if (expires_ms && expires_ms < now_ms + left_s * MS)
        left_s = expires_ms > now_ms ? (expires_ms - now_ms) / MS + 1 : 1;
    return left_s;
}

void realtime_ticket_keep(struct task *task, struct gateway *gateway, struct slice ticket,
                          struct slice credentials, uint64_t expires_ms)
{
    struct slice key = key_of(task->arena, "stream", ticket);
    struct slice position = realtime_position(gateway->realtime, task->arena);

    redis_post(gateway->state->volatile_redis, SLICE("SET"), key,
               arena_printf(task->arena, "%.*s %.*s", SLICE_ARG(position),
                            SLICE_ARG(seal_for(task->arena, ticket, key, credentials))),
               SLICE("EX"), record_number(task->arena, life_left_s(expires_ms)));
}

enum err realtime_ticket_resume(struct task *task, struct gateway *gateway, struct slice ticket,
                                struct slice since, struct slice *credentials)
{
    struct slice key = key_of(task->arena, "stream", ticket), text, told, sealed;
    enum err err = ticket.n > TICKET_MAX_BYTES ? ERR_UNAUTHORIZED
                                               : fetch(task, gateway, SLICE("GET"), key, &text);

    if (err != OK)
        return err;
    slice_split(text, ' ', &told, &sealed);
    if (!realtime_has_told(gateway->realtime, task->arena, told, since))
        return ERR_UNAUTHORIZED;
    return open_for(task->arena, ticket, key, sealed, credentials);
}

bool realtime_ticket_write_or_reply(struct request *req)
{
    struct slice ticket;
    struct json_writer w;

    if (!ok_or_reply(req, realtime_ticket_issue(&req->task, req->gateway, realtime_door_header(req),
                                                &ticket)))
        return false;
    reply_header(req, "Cache-Control", SLICE("no-store"));
    w = reply_json(req);
    jw_object(&w);
    jw_str(&w, "ticket", ticket);
    jw_int(&w, "expires_in", TICKET_LIFE_S);
    jw_object_end(&w);
    return true;
}
