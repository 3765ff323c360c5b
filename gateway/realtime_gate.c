#include "gateway/realtime_gate.h"

#include "base/clock.h"
#include "base/fiber.h"
#include "base/timer.h"
#include "gateway/access/cors.h"
#include "gateway/gateway.h"
#include "gateway/http/connection.h"
#include "gateway/http/origin.h"
#include "gateway/jobs/jobserver.h"
#include "gateway/realtime_connection.h"
#include "gateway/realtime_door.h"
#include "gateway/realtime_stream.h"
#include "gateway/realtime_ticket.h"
#include "gateway/reply.h"
#include "handlers.h"
#include "realtime/client_life.h"
#include "realtime/handshake.h"
#include "state/media.h"

#include <assert.h>

enum {
    CANARY_EVERY_MS = 1000,
    CANARY_MAX_AGE_MS = 2000,
    CANARY_LOOK_MS = 5,
    MESSAGES_PER_S = 20,
    SUBSCRIPTIONS_MAX = 100,
};

/* --- settings ----------------------------------------------------------------------------------
 */

static struct realtime_limits limits_from(const struct config *config)
{
    return (struct realtime_limits){
        .queue_bytes = (size_t)config_number(config, "realtime.queue_bytes"),
        .messages_per_s = MESSAGES_PER_S,
        .subscriptions = SUBSCRIPTIONS_MAX,
        .sockets_per_user = (unsigned)config_number(config, "realtime.sockets_per_user"),
        .ring_events = (size_t)config_number(config, "realtime.history_events"),
    };
}

/* --- what realtime asks ------------------------------------------------------------------------
 */

static enum err on_authenticate(void *arg, struct task *task, struct slice token,
                                struct principal *out)
{
    return realtime_door_authenticate(task, arg, token, out);
}

static enum err may_see_media(struct task *task, struct gateway *gateway,
                              const struct principal *principal, struct slice id)
{
    struct media media;
    enum err err = media_load(task, gateway->state, id, &media);

    if (err == OK && !principal->admin && !slice_eq(media.owner, principal->user_id))
        err = ERR_NOT_FOUND;
    return err;
}

/* A user's own account; of others admins hear by subscribing to all. */
static enum err may_see_user(struct task *task, struct gateway *gateway,
                             const struct principal *principal, struct slice id)
{
    return slice_eq(id, principal->user_id) ? OK : ERR_NOT_FOUND;
}

/* Whatever they are: the events that come are the caller's own, so that nothing is told by it. */
static enum err may_see_own(struct task *task, struct gateway *gateway,
                            const struct principal *principal, struct slice id)
{
    return OK;
}

/* Of a channel that is the hub's own. */
static enum err may_see_nobody(struct task *task, struct gateway *gateway,
                               const struct principal *principal, struct slice id)
{
    return ERR_NOT_FOUND;
}

static const struct {
    struct slice channel;
    enum err (*may_see)(struct task *task, struct gateway *gateway,
                        const struct principal *principal, struct slice id);
} resources[] = {
#define CHANNEL(name, text, clients, has_history, slow, sees) {SLICE_INIT(text), may_see_##sees},
#include "channels.def"
#undef CHANNEL
};

static enum err on_may_see(void *arg, struct task *task, const struct principal *principal,
                           struct slice channel, struct slice resource_id)
{
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
        if (slice_eq(resources[i].channel, channel))
            return resources[i].may_see(task, arg, principal, resource_id);
    return ERR_NOT_FOUND;
}

static bool on_head(void *arg, unsigned partition, struct head *out)
{
    const struct gateway *gateway = arg;

    if (!gateway->stream || !stream_started(gateway->stream))
        return false;
    *out = *stream_head(gateway->stream, partition);
    return true;
}

/* --- what the streams tell ---------------------------------------------------------------------
 */

static void on_event(void *arg, const struct event *event)
{
    struct gateway *gateway = arg;

    realtime_publish(gateway->realtime, event);
    if (gateway->jobs)
        jobserver_wake(gateway->jobs);
}

static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    realtime_forked(((struct gateway *)arg)->realtime, partition, head);
}

static void on_canary(void *arg, uint64_t written_ms)
{
    realtime_canary(((struct gateway *)arg)->realtime, written_ms);
}

static void on_progress(void *arg, const struct progress *progress)
{
    realtime_progress(((struct gateway *)arg)->realtime, progress);
}

static struct {
    struct gateway *gateway;
    struct timer timer;
} canary;

static void on_canary_due(struct timer *timer)
{
    if (state_ready(canary.gateway->state))
        stream_canary_write(canary.gateway->state);
    timer_start(timer, CANARY_EVERY_MS, on_canary_due);
}

static struct slice volatile_url(const struct gateway *gateway)
{
    struct slice url = config_text(gateway->config, "redis_volatile");

    return url.n ? url : config_text(gateway->config, "redis");
}

bool realtime_gate_start(struct gateway *gateway)
{
    const struct realtime_hooks hooks = {gateway, on_authenticate, on_may_see, on_head};
    const struct stream_handlers handlers = {
        .arg = gateway, .on_event = on_event, .on_fork = on_fork, .on_canary = on_canary};
    const struct realtime_limits limits = limits_from(gateway->config);

    assert(!gateway->realtime);
    gateway->realtime = realtime_new(gateway->state, &hooks, &limits);
    gateway->stream = stream_open(gateway->state, NULL, &handlers);
    gateway->progress = progress_feed_open(volatile_url(gateway), on_progress, gateway);
    if (!gateway->stream || !gateway->progress)
        return false;
    canary.gateway = gateway;
    on_canary_due(&canary.timer);
    return true;
}

bool realtime_gate_hears(const struct gateway *gateway)
{
    return realtime_canary_age_ms(gateway->realtime) < CANARY_MAX_AGE_MS;
}

void realtime_gate_await(const struct gateway *gateway, uint64_t ms)
{
    uint64_t until_ms = clock_ms() + ms;

    /* Draining first: whoever drains may have freed realtime meanwhile. */
    while (!gateway->draining &&
           !(realtime_gate_hears(gateway) && progress_feed_listens(gateway->progress)) &&
           clock_ms() < until_ms)
        fiber_sleep(CANARY_LOOK_MS);
}

void realtime_gate_stop(struct gateway *gateway)
{
    timer_stop(&canary.timer);
    if (gateway->stream)
        stream_close(gateway->stream);
    gateway->stream = NULL;
    if (gateway->progress)
        progress_feed_close(gateway->progress);
    gateway->progress = NULL;
    realtime_free(gateway->realtime);
    gateway->realtime = NULL;
}

/* --- the upgrade -------------------------------------------------------------------------------
 */

/* A page of this very host, or of a listed origin. Programs send no Origin. */
static bool origin_is_welcome(const struct request *req)
{
    struct slice origin = request_header(req, "Origin");

    return !origin.n || cors_allows(req->gateway->cors_origins, origin) ||
           origin_is_host(origin, req->tls, req->host);
}

static enum err judge(const struct request *req, struct slice *detail)
{
    enum err err = realtime_door_judge(req, detail);

    if (err == ERR_FORBIDDEN)
        return err;
    if (req->head.method != METHOD_GET || req->head.minor_version < 1 ||
        !http1_list_has(request_list(req, "Upgrade"), SLICE("websocket")) ||
        !http1_list_has(request_list(req, "Connection"), SLICE("upgrade"))) {
        *detail = SLICE_NONE;
        return ERR_UPGRADE_REQUIRED;
    }
    if (!origin_is_welcome(req)) {
        *detail = SLICE("This origin may not connect.");
        return ERR_FORBIDDEN;
    }
    if (request_has_body(req)) { /* its bytes would be read as frames */
        *detail = SLICE("An upgrade has no body.");
        return ERR_BAD_REQUEST;
    }
    return err;
}

static void refuse(struct request *req, enum err why, struct slice detail)
{
    if (why == ERR_UPGRADE_REQUIRED) {
        reply_header(req, "Upgrade", SLICE("websocket"));
        reply_header(req, "Connection", SLICE("Upgrade"));
        reply_header(req, "Sec-WebSocket-Version", SLICE("13"));
    }
    reply_error(req, why, detail);
}

/* Wrong credentials are told in the WebSocket, where browsers can read it (close 4001), so only a
 * failure of ours is answered here. */
static enum err authenticate(struct request *req)
{
    struct slice token = realtime_door_header(req), ticket = request_query(req, "ticket");
    enum err err = OK;

    if (!token.n && ticket.n)
        err = realtime_ticket_spend(&req->task, req->gateway, ticket, &token);
    if (err == OK)
        err = realtime_door_authenticate(&req->task, req->gateway, token, &req->principal);
    return err == ERR_UNAUTHORIZED ? OK : err;
}

static void open_client(struct connection *connection, struct slice early_bytes, void *arg)
{
    const struct request *req = arg;
    bool given = realtime_door_header(req).n || request_query(req, "ticket").n;

    realtime_connection_give(connection,
                             client_open(req->gateway->realtime, &realtime_transport, connection,
                                         given ? &req->principal : NULL),
                             early_bytes);
}

static void upgrade(struct request *req)
{
    struct slice answer = SLICE_NONE, detail = SLICE_NONE;
    enum err err = judge(req, &detail);

    if (err == OK)
        err = handshake_accept(req->task.arena, request_header(req, "Sec-WebSocket-Key"),
                               request_header(req, "Sec-WebSocket-Version"),
                               request_list(req, "Sec-WebSocket-Protocol"), &answer);
    if (err == OK)
        err = authenticate(req);
    if (err != OK)
        refuse(req, err, detail);
    else
        reply_upgrade(req, answer, open_client, req);
}

void hub_realtime(struct request *req)
{
    if (realtime_stream_is_wanted(req))
        realtime_stream_reply(req);
    else
        upgrade(req);
}
