#include "gateway/realtime_stream.h"

#include "base/utf8.h"
#include "gateway/gateway.h"
#include "gateway/http/connection.h"
#include "gateway/realtime_connection.h"
#include "gateway/realtime_door.h"
#include "gateway/realtime_ticket.h"
#include "gateway/reply.h"
#include "realtime/channel.h"
#include "realtime/client_life.h"
#include "realtime/stream.h"

/* What is asked for: the subscriptions, and since when. */
struct wanted {
    struct request *req;
    struct command places[QUERY_PARAMS_MAX];
    size_t n;
    struct slice since;
};

/* A weight of 0 says: anything but this (RFC 9110 section 12.4.2). */
static bool weighs_nothing(struct slice parameters)
{
    struct slice one, name, weight;

    while (slice_split(parameters, ';', &one, &parameters))
        if (slice_split(slice_trim(one), '=', &name, &weight) && slice_eq_nocase(name, SLICE("q")))
            return weight.n && slice_starts_with(SLICE("0.000"), weight);
    return false;
}

bool realtime_stream_is_wanted(const struct request *req)
{
    struct slice accepted = request_list(req, "Accept"), one, type, parameters;

    if (req->head.method != METHOD_GET ||
        http1_list_has(request_list(req, "Upgrade"), SLICE("websocket")))
        return false;
    while (slice_split(accepted, ',', &one, &accepted))
        if (slice_split(one, ';', &type, &parameters) &&
            slice_eq_nocase(slice_trim(type), SLICE("text/event-stream")))
            return !weighs_nothing(parameters);
    return false;
}

/* --- what is asked for -------------------------------------------------------------------------
 */

static void add_place(struct wanted *wanted, struct slice channel, struct slice resource)
{
    struct command *place = &wanted->places[wanted->n++];

    *place = (struct command){.type = COMMAND_SUBSCRIBE,
                              .channel = channel,
                              .since = wanted->since,
                              .has_since = wanted->since.n > 0};
    if (!slice_eq(resource, SLICE("*")))
        place->resource_id = resource;
}

/* A resource_id narrows the channel that was named last before it, one before all of them the
 * first; a channel without any is for every resource. */
static void read_places(struct wanted *wanted)
{
    const struct request *req = wanted->req;
    struct slice channel = request_query(req, "channel");
    bool named = false, narrowed = false;

    for (size_t i = 0; i < req->query_count; i++) {
        if (slice_eq(req->query_names[i], SLICE("resource_id"))) {
            add_place(wanted, channel, req->query_values[i]);
            narrowed = true;
        } else if (slice_eq(req->query_names[i], SLICE("channel"))) {
            if (named && !narrowed)
                add_place(wanted, channel, SLICE_NONE);
            narrowed = narrowed && !named;
            channel = req->query_values[i];
            named = true;
        }
    }
    if (named && !narrowed)
        add_place(wanted, channel, SLICE_NONE);
}

static enum err judge_places(const struct wanted *wanted, struct slice *detail)
{
    for (size_t i = 0; i < wanted->n; i++) {
        struct slice resource = wanted->places[i].resource_id;

        if (resource.n <= NAME_MAX_BYTES && utf8_valid(resource))
            continue;
        *detail = SLICE("`resource_id` must be an id or \"*\".");
        return ERR_VALIDATION;
    }
    if (wanted->n && wanted->places[0].channel.n)
        return OK;
    struct arena *arena = wanted->req->task.arena;
    *detail = arena_printf(arena, "Name a `channel` in the query; there are %.*s.",
                           SLICE_ARG(channel_names(arena)));
    return ERR_VALIDATION;
}

/* A browser that comes back repeats the URL, so what it has heard last is in its header. */
static struct slice read_since(const struct request *req)
{
    struct slice last = request_header(req, "Last-Event-ID");

    return last.n ? last : request_query(req, "since");
}

/* --- who asks ----------------------------------------------------------------------------------
 */

static enum err refuse_nobody(struct slice ticket, struct slice *detail)
{
    *detail = ticket.n ? SLICE("The ticket is spent, has expired, or is none.")
                       : SLICE("Send the token in the Authorization header, or a ticket.");
    return ERR_UNAUTHORIZED;
}

/* With a ticket a stream begins, or, when it has been cut, goes on. */
static enum err authenticate(struct request *req, struct slice since, struct slice *detail)
{
    struct slice token = realtime_door_header(req);
    struct slice ticket = token.n ? SLICE_NONE : request_query(req, "ticket");
    bool fresh = false;
    enum err err = OK;

    if (ticket.n) {
        err = realtime_ticket_spend(&req->task, req->gateway, ticket, &token);
        fresh = err == OK;
        if (err == ERR_UNAUTHORIZED && since.n)
            err = realtime_ticket_resume(&req->task, req->gateway, ticket, since, &token);
    }
    if (err == ERR_UNAUTHORIZED || (err == OK && !token.n))
        return refuse_nobody(ticket, detail);
    if (err == OK)
        err = realtime_door_authenticate(&req->task, req->gateway, token, &req->principal);
    if (err == OK && fresh)
        realtime_ticket_keep(&req->task, req->gateway, ticket, token, req->principal.expires_ms);
    if (err != OK || req->principal.scopes & SCOPE_REALTIME)
        return err;
    *detail = SLICE("This key lacks the scope `realtime`.");
    return ERR_FORBIDDEN;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void open_stream(struct connection *connection, struct slice early_bytes, void *arg)
{
    const struct wanted *wanted = arg;
    const struct request *req = wanted->req;

    realtime_connection_give(connection,
                             client_open_stream(req->gateway->realtime, &realtime_transport,
                                                connection, reply_stream_is_chunked(req),
                                                &req->principal, wanted->places, wanted->n),
                             early_bytes);
}

static enum err judge(struct wanted *wanted, struct slice *detail)
{
    struct request *req = wanted->req;
    enum err err = realtime_door_judge(req, detail);

    if (err == OK && request_has_body(req)) {
        *detail = SLICE("This request has no body.");
        err = ERR_BAD_REQUEST;
    }
    if (err == OK)
        err = judge_places(wanted, detail);
    if (err == OK)
        err = authenticate(req, wanted->since, detail);
    if (err == OK)
        err = stream_check(&req->task, req->gateway->realtime, &req->principal, wanted->places,
                           wanted->n, detail);
    return err;
}

void realtime_stream_reply(struct request *req)
{
    struct wanted *wanted = ARENA_NEW(req->task.arena, struct wanted);
    struct slice detail = SLICE_NONE;

    wanted->req = req;
    wanted->since = read_since(req);
    read_places(wanted);
    enum err err = judge(wanted, &detail);
    if (err == ERR_UNAUTHORIZED)
        reply_header(req, "WWW-Authenticate", SLICE("Bearer"));
    reply_header(req, "Cache-Control", SLICE("no-store"));
    if (err != OK) {
        reply_error(req, err, detail);
        return;
    }
    reply_header(req, "X-Accel-Buffering", SLICE("no")); /* nginx would keep it back */
    reply_stream(req, "text/event-stream", open_stream, wanted);
}
