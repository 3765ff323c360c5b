#include "realtime/realtime.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "realtime/client_close.h"
#include "realtime/client_life.h"
#include "realtime/flush.h"
#include "realtime/gap.h"
#include "realtime/latest.h"
#include "realtime/subscription.h"

#include <assert.h>
#include <string.h>

static void on_settled(struct sink *sink)
{
    client_settled(CONTAINER_OF(sink, struct client, sink));
}

static void on_stalled(struct sink *sink)
{
    client_stalled(CONTAINER_OF(sink, struct client, sink));
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_run(&CONTAINER_OF(prepare, struct realtime, prepare)->flush, on_settled, on_stalled);
}

static void on_free(struct realtime *hub)
{
    for (unsigned p = 0; p < hub->partitions; p++)
        history_fini(&hub->partition[p].history);
    ended_fini(&hub->ended);
    mem_free(hub->partition);
    table_fini(&hub->topics);
    table_fini(&hub->users);
    latest_fini(&hub->latest);
    flush_fini(&hub->flush);
    message_unref(hub->ping);
    mem_free(hub);
}

struct realtime *realtime_new(struct state *state, const struct realtime_hooks *hooks,
                              const struct realtime_limits *limits)
{
    struct realtime *hub = MEM_NEW(struct realtime);

    assert(limits->messages_per_s > 0 && limits->messages_per_s <= 1000);
    hub->refs = 2;
    hub->on_free = on_free;
    hub->state = state;
    hub->hooks = *hooks;
    hub->limits = *limits;
    hub->partitions = state->partitions;
    hub->partition = mem_alloc(hub->partitions * sizeof *hub->partition);
    for (unsigned p = 0; p < hub->partitions; p++)
        history_init(&hub->partition[p].history, limits->ring_events);
    table_init(&hub->topics);
    table_init(&hub->users);
    latest_init(&hub->latest);
    flush_init(&hub->flush);
    hub->ping = message_new(OPCODE_PING, SLICE_NONE);
    uv_prepare_init(loop_get(), &hub->prepare);
    uv_prepare_start(&hub->prepare, on_prepare);
    uv_unref((uv_handle_t *)&hub->prepare);
    return hub;
}

static void on_closed(uv_handle_t *prepare)
{
    hub_unref(CONTAINER_OF(prepare, struct realtime, prepare));
}

void realtime_free(struct realtime *hub)
{
    if (!hub)
        return;
    assert(hub->client_count == 0);
    uv_close((uv_handle_t *)&hub->prepare, on_closed);
    hub_unref(hub);
}

static void offer_publication(struct client *client, void *arg)
{
    const struct publication *publication = arg;

    if (!client->replaying) /* the replay comes to it in its turn */
        client_offer(client, publication->message, publication->channel);
}

/* Makes the history end just before the event, as a rule by doing nothing. */
static bool align_history(struct realtime *hub, const struct event *event)
{
    struct history *history = &hub->partition[event->partition].history;
    struct head head;

    if (!hub->hooks.head(hub->hooks.arg, event->partition, &head))
        return false;
    uint64_t next = history_head(history).offset + 1;
    if (history->started && history->base.epoch == head.epoch && next <= event->offset &&
        event->offset - next < history->max) {
        for (; next < event->offset; next++)
            history_append(history, publication_hole(next));
        return true;
    }
    if (head.offset + 1 != event->offset) {
        head.offset = event->offset - 1;
        memset(head.hash, 0, sizeof head.hash);
    }
    history_start(history, &head);
    return true;
}

static void end_sessions(struct realtime *hub, struct slice user_id, struct slice session_id)
{
    struct table_entry *entry = table_find(&hub->users, user_id);
    struct client *client = entry ? CONTAINER_OF(entry, struct user, entry)->clients : NULL;

    ended_note(&hub->ended, session_id, clock_us());
    while (client) {
        struct client *next = client->user_next;

        if (slice_eq(client->session_id, session_id))
            client_close(client, CLOSE_UNAUTHORIZED, SLICE("The session or key has ended."));
        client = next;
    }
}

static void count_lag(struct counters *count, uint64_t happened_ms)
{
    uint64_t now_ms = clock_unix_ms();
    uint64_t lag_ms = now_ms > happened_ms ? now_ms - happened_ms : 0;
    unsigned bucket = 0;

    while (bucket < LAG_BUCKETS && lag_ms > (uint64_t)1 << bucket)
        bucket++;
    count->lag[bucket]++;
    count->lag_sum_ms += lag_ms;
    count->lag_count++;
}

void realtime_publish(struct realtime *hub, const struct event *event)
{
    assert(event->partition < hub->partitions);
    hub->count.events++;
    if (event->type == EVENT_SESSION_ENDED || event->type == EVENT_SESSION_REVOKED)
        end_sessions(hub, event->owner, event->resource);
    if (!align_history(hub, event))
        return; /* nobody can have subscribed before the reader knew where it stands */
    struct history *history = &hub->partition[event->partition].history;
    struct publication *publication = hub_publication(hub, event, history->base.epoch);

    history_append(history, publication);
    if (!publication->message)
        return;
    count_lag(&hub->count, event->timestamp_ms);
    subscriptions_each(hub, publication->channel, publication->owner, publication->resource,
                       offer_publication, publication);
}

void realtime_forked(struct realtime *hub, unsigned partition, const struct head *head)
{
    assert(partition < hub->partitions);
    struct history *history = &hub->partition[partition].history;
    struct head known = history_head(history);
    bool gone = known.epoch == head->epoch && known.offset < head->offset;

    history_start(history, head);
    for (struct client *client = hub->clients; client; client = client->next)
        if (client->user && (client->admin || client->partition == partition))
            gap_send_all(client, gone ? SLICE("history_gone") : SLICE("history_forked"));
}

void realtime_canary(struct realtime *hub, uint64_t written_ms)
{
    hub_started(hub);
    if (written_ms > hub->canary_ms)
        hub->canary_ms = written_ms;
}

uint64_t realtime_canary_age_ms(const struct realtime *hub)
{
    uint64_t now_ms = clock_unix_ms();

    if (!hub->canary_ms)
        return UINT64_MAX;
    return now_ms > hub->canary_ms ? now_ms - hub->canary_ms : 0;
}

static void offer_progress(struct client *client, void *arg)
{
    client_offer(client, arg, CHANNEL_JOB_PROGRESS);
}

void realtime_progress(struct realtime *hub, const struct progress *progress)
{
    struct message *message = message_progress(progress);

    latest_note(&hub->latest, progress->subject_id, progress->owner, progress->kind,
                message_ref(message));
    subscriptions_each(hub, CHANNEL_JOB_PROGRESS, progress->owner, progress->subject_id,
                       offer_progress, message);
    message_unref(message);
}

static void on_drain_slot(struct timer *timer)
{
    client_close(CONTAINER_OF(timer, struct client, lifetime), CLOSE_DRAINING, SLICE_NONE);
}

void realtime_drain(struct realtime *hub, uint64_t window_ms)
{
    uint64_t i = 0, n = hub->client_count;

    hub->draining = true;
    hub->drain_window_ms = window_ms;
    for (struct client *client = hub->clients; client; client = client->next)
        if (!client_over(client))
            timer_start(&client->lifetime, i++ * window_ms / n, on_drain_slot);
}

void realtime_end_tokens(struct realtime *hub)
{
    for (struct client *client = hub->clients, *next; client; client = next) {
        next = client->next;
        if (client->expires_ms && !client_over(client))
            client_close(client, CLOSE_UNAUTHORIZED, SLICE("The token has ended."));
    }
}

struct slice realtime_position(struct realtime *hub, struct arena *arena)
{
    return hub_started(hub) ? hub_position(hub, arena) : SLICE_NONE;
}

bool realtime_has_told(struct realtime *hub, struct arena *arena, struct slice told,
                       struct slice since)
{
    struct position then, named;

    if (!hub_started(hub) || !position_parse(arena, told, hub->partitions, &then) ||
        !position_parse(arena, since, hub->partitions, &named))
        return false;
    for (unsigned p = 0; p < hub->partitions; p++)
        if (named.heads[p].epoch != then.heads[p].epoch &&
            named.heads[p].epoch != hub->partition[p].history.base.epoch)
            return false;
    return true;
}
