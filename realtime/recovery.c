#include "realtime/recovery.h"

#include "base/clock.h"
#include "base/memory.h"
#include "realtime/gap.h"
#include "state/stream.h"

#include <string.h>

enum { PAGE_EVENTS = 500, NEWER_LOOK_MS = 10 };

/* The partitions whose events the client may hear: a user's own, or all. */
struct range {
    unsigned first, end;
};

static struct range visible(const struct client *client)
{
    return client->admin ? (struct range){0, client->hub->partitions}
                         : (struct range){client->partition, client->partition + 1};
}

/* What a fill has read so far: publications that follow `base`. */
struct fill {
    struct head base, at;
    struct publication **found;
    size_t n, max;
};

static void add(struct fill *fill, struct publication *publication)
{
    fill->found[fill->n++] = publication;
    fill->at.offset = publication->offset;
    memcpy(fill->at.hash, publication->hash, sizeof fill->at.hash);
}

/* Reads one page on; false: the state does not reach back that far, or is away. */
static bool read_page(struct task *task, struct realtime *hub, unsigned partition,
                      struct fill *fill, uint64_t end_offset)
{
    struct task page = {.arena = arena_new(), .deadline_ms = task->deadline_ms};
    uint64_t missing = end_offset - fill->at.offset;
    struct event *events;
    size_t n = 0;
    enum err err = stream_read(&page, hub->state, partition, &fill->at,
                               missing < PAGE_EVENTS ? (size_t)missing : PAGE_EVENTS, &events, &n);

    for (size_t i = 0; err == OK && i < n; i++) {
        while (fill->n < fill->max && fill->at.offset + 1 < events[i].offset)
            add(fill, publication_hole(fill->at.offset + 1));
        if (fill->n < fill->max)
            add(fill, hub_publication(hub, &events[i], fill->base.epoch));
    }
    arena_free(page.arena);
    return err == OK && n > 0;
}

static bool read_up_to_history(struct task *task, struct realtime *hub, unsigned partition,
                               struct fill *fill)
{
    struct history *history = &hub->partition[partition].history;
    uint64_t generation = history->generation;

    while (fill->at.offset < history->base.offset) {
        if (fill->n == fill->max || task->cancelled ||
            !read_page(task, hub, partition, fill, history->base.offset) ||
            generation != history->generation)
            return false;
    }
    return history_prepend(history, &fill->base, fill->found, fill->n);
}

static bool fill_history(struct task *task, struct realtime *hub, unsigned partition,
                         const struct head *since)
{
    struct fill fill = {
        .base = *since,
        .at = *since,
        .max = hub->limits.ring_events,
        .found = mem_alloc(hub->limits.ring_events * sizeof(struct publication *)),
    };
    bool filled = read_up_to_history(task, hub, partition, &fill);

    for (size_t i = 0; i < fill.n && !filled; i++)
        publication_free(fill.found[i]);
    if (filled)
        hub->count.filled += fill.n;
    mem_free(fill.found);
    return filled;
}

/* The history begins at `since` without knowing its hash: does its first event follow it? */
static bool confirm_base(struct task *task, struct realtime *hub, unsigned partition,
                         const struct head *since)
{
    struct history *history = &hub->partition[partition].history;
    struct event *events;
    size_t n = 0;
    enum err err = stream_read(task, hub->state, partition, since, 1, &events, &n);
    const struct publication *first = history_at(history, since->offset + 1);

    if (err != OK || n != 1 || !first || history->base.offset != since->offset ||
        strcmp(first->hash, events[0].hash) != 0)
        return false;
    memcpy(history->base.hash, since->hash, sizeof since->hash);
    return true;
}

static void await_other_fill(struct task *task, struct partition_state *partition)
{
    struct fill_waiter self = {.next = partition->waiters};

    partition->waiters = &self;
    if (fiber_await(&self.wait, task_timeout_ms(task, COMMAND_MS)) == FIBER_DONE)
        return;
    struct fill_waiter **link = &partition->waiters;
    while (*link && *link != &self)
        link = &(*link)->next;
    if (*link)
        *link = self.next;
}

static void wake_waiters(struct partition_state *partition)
{
    struct fill_waiter *waiter = partition->waiters;

    partition->waiters = NULL;
    while (waiter) {
        struct fill_waiter *next = waiter->next;

        fiber_resume(&waiter->wait);
        waiter = next;
    }
}

/* Makes the history reach back to `since`; false: it cannot. */
static bool reach_back(struct task *task, struct realtime *hub, unsigned p,
                       const struct head *since)
{
    struct partition_state *partition = &hub->partition[p];

    if (history_head(&partition->history).offset - since->offset > hub->limits.ring_events ||
        since->offset > partition->history.base.offset)
        return false;
    if (partition->filling) {
        await_other_fill(task, partition);
        return clock_ms() < task->deadline_ms;
    }
    partition->filling = true;
    bool filled = partition->history.base.offset == since->offset
                      ? confirm_base(task, hub, p, since)
                      : fill_history(task, hub, p, since);
    partition->filling = false;
    wake_waiters(partition);
    return filled;
}

enum reach { REACHED, NOT_YET, UNREACHABLE };

static enum reach reach_one(struct task *task, struct realtime *hub, unsigned partition,
                            const struct head *since, uint64_t newer_until_ms)
{
    switch (history_find(&hub->partition[partition].history, since)) {
    case HISTORY_HAS:
        return REACHED;
    case HISTORY_OLDER:
        return reach_back(task, hub, partition, since) ? NOT_YET : UNREACHABLE;
    case HISTORY_NEWER:
        /* Another gateway may have read it a moment before this one. */
        if (clock_ms() >= newer_until_ms)
            break;
        fiber_sleep(NEWER_LOOK_MS);
        return NOT_YET;
    case HISTORY_FORKED:
        break;
    }
    return UNREACHABLE;
}

bool recovery_reach(struct task *task, struct client *client, const struct position *since)
{
    uint64_t newer_until_ms = clock_ms() + RECOVERY_WAIT_MS;
    enum reach all = NOT_YET;

    while (all == NOT_YET && clock_ms() < task->deadline_ms) {
        struct range range = visible(client);

        all = REACHED;
        for (unsigned p = range.first; p < range.end && all != UNREACHABLE; p++) {
            enum reach one = reach_one(task, client->hub, p, &since->heads[p], newer_until_ms);

            if (client_over(client))
                return false;
            if (one != REACHED)
                all = one;
        }
    }
    return all == REACHED;
}

struct replay {
    struct client *client;
    struct subscription *subscription; /* NULL: all, of which none has had anything yet */
    struct head *at;                   /* [partitions]: sent up to here */
    uint64_t *live_from;               /* [partitions]: later ones were nobody's so far */
    uint64_t *generations;             /* [partitions] */
};

static bool delivered_already(const struct client *client, const struct publication *publication,
                              unsigned partition)
{
    for (const struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (publication->offset > s->from[partition] &&
            subscription_matches(s, publication->channel, publication->resource))
            return true;
    return false;
}

static bool any_matches(const struct client *client, const struct publication *publication)
{
    for (const struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (subscription_matches(s, publication->channel, publication->resource))
            return true;
    return false;
}

static bool wanted(const struct replay *replay, const struct publication *publication,
                   unsigned partition)
{
    if (!publication->message || !client_may_hear(replay->client, publication->owner))
        return false;
    if (!replay->subscription || publication->offset > replay->live_from[partition])
        return any_matches(replay->client, publication);
    return subscription_matches(replay->subscription, publication->channel,
                                publication->resource) &&
           !delivered_already(replay->client, publication, partition);
}

/* With more than one partition the position that was written when the event was read claims more
 * of the others than this client has had: it is replaced by where the replay stands. */
static struct message *with_own_position(const struct replay *replay,
                                         const struct publication *publication)
{
    struct position position = {replay->client->hub->partitions, replay->at};
    struct arena *arena = arena_new();
    struct message *message = message_at(publication->message, position_format(arena, &position));

    arena_free(arena);
    return message;
}

static void step(struct replay *replay, const struct publication *publication, unsigned partition)
{
    struct client *client = replay->client;

    replay->at[partition].offset = publication->offset;
    memcpy(replay->at[partition].hash, publication->hash, sizeof publication->hash);
    if (wanted(replay, publication, partition))
        client_send(client, client->hub->partitions == 1 ? message_ref(publication->message)
                                                         : with_own_position(replay, publication));
}

/* The history has moved on under a client that was too slow, or is another one now. */
static void give_up(struct replay *replay, unsigned partition, bool forked)
{
    struct client *client = replay->client;

    replay->at[partition] = history_head(&client->hub->partition[partition].history);
    replay->generations[partition] = client->hub->partition[partition].history.generation;
    if (!forked) /* realtime_forked() has told it */
        gap_send_all(client, SLICE("slow_consumer"));
}

/* One partition up to its head. False: the client is going. *waited: something was awaited. */
static bool replay_partition(struct task *task, struct replay *replay, unsigned p, bool *waited)
{
    struct client *client = replay->client;
    struct history *history = &client->hub->partition[p].history;

    while (replay->generations[p] != history->generation ||
           replay->at[p].offset < history_head(history).offset) {
        bool forked = replay->generations[p] != history->generation;
        const struct publication *next = history_at(history, replay->at[p].offset + 1);

        if (forked || !next) {
            give_up(replay, p, forked);
            continue;
        }
        step(replay, next, p);
        if (client_queued_bytes(client) < client->hub->limits.queue_bytes / 2)
            continue;
        *waited = true;
        if (!client_await_drained(task, client))
            return false;
    }
    return true;
}

static struct replay *begin(struct task *task, struct client *client,
                            struct subscription *subscription, const struct position *since)
{
    struct realtime *hub = client->hub;
    struct replay *replay = ARENA_NEW(task->arena, struct replay);

    replay->client = client;
    replay->subscription = subscription;
    replay->at = ARENA_ARRAY(task->arena, struct head, hub->partitions);
    replay->live_from = ARENA_ARRAY(task->arena, uint64_t, hub->partitions);
    replay->generations = ARENA_ARRAY(task->arena, uint64_t, hub->partitions);
    for (unsigned p = 0; p < hub->partitions; p++) {
        replay->at[p] = since->heads[p];
        replay->live_from[p] = history_head(&hub->partition[p].history).offset;
        replay->generations[p] = hub->partition[p].history.generation;
    }
    return replay;
}

/* What has been delivered for it begins at the position. */
static void reach_from(struct subscription *subscription, const struct position *since,
                       struct range range)
{
    for (unsigned p = range.first; p < range.end; p++)
        if (since->heads[p].offset < subscription->from[p])
            subscription->from[p] = since->heads[p].offset;
}

void recovery_replay(struct task *task, struct client *client, struct subscription *subscription,
                     const struct position *since)
{
    struct replay *replay = begin(task, client, subscription, since);
    struct range range = visible(client);
    bool waited = true;

    client->replaying = true;
    while (waited) {
        waited = false;
        for (unsigned p = range.first; p < range.end; p++)
            if (!replay_partition(task, replay, p, &waited))
                return;
    }
    client->replaying = false;
    for (struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (!subscription || s == subscription)
            reach_from(s, since, range);
}
