/* The acceptor: reads a partition's events behind the cursor and turns them into deliveries. The
 * stream only rings; the events themselves are read in bounded batches, so that a dispatcher that
 * was away for an hour needs no more memory than one that was not. */
#include "webhooks/acceptor.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "state/commit.h"
#include "state/stream.h"
#include "webhooks/sender.h"

#include <string.h>

enum {
    EVENTS_PER_BATCH = 500,
    DELIVERIES_PER_BATCH = 500, /* begun; one event may go to more */
    TRIM_EVERY_MS = 60 * 1000,
};

enum round { ROUND_MORE, ROUND_IDLE, ROUND_AWAY };

static enum round after_error(const struct shard *shard, enum err err)
{
    if (err == ERR_STATE_UNAVAILABLE)
        return ROUND_AWAY;
    log_event(LOG_ERROR, "accept_failed", F("partition", shard->partition),
              F("error", err_row(err)->slug));
    return ROUND_AWAY;
}

static enum round open_cursor(struct task *task, struct shard *shard, const struct head *lost)
{
    struct head cursor;
    enum err err =
        delivery_cursor_open(task, shard->dispatcher->state, shard->partition, lost, &cursor);

    if (err == ERR_NOT_FOUND) {
        shard->cursor_known =
            true; /* there is no history yet, and it will be read from its start */
        shard->cursor = (struct head){0};
        return ROUND_IDLE;
    }
    if (err != OK)
        return after_error(shard, err);
    shard->cursor_known = true;
    shard->cursor = cursor;
    log_event(LOG_INFO, "accept_cursor", F("partition", shard->partition),
              F("offset", (long long)cursor.offset));
    return ROUND_MORE;
}

static enum round lose_cursor(struct task *task, struct shard *shard, enum err why)
{
    struct head lost = shard->cursor;

    log_event(LOG_ERROR, "accept_cursor_lost", F("partition", shard->partition),
              F("offset", (long long)lost.offset),
              F("reason", why == ERR_CONFLICT ? "another history" : "history trimmed"));
    return open_cursor(task, shard, &lost);
}

/* As many of the events as make up to DELIVERIES_PER_BATCH. */
static size_t match(struct task *task, const struct shard *shard, const struct event *events,
                    size_t n, struct acceptance *items)
{
    size_t deliveries = 0, i = 0;

    for (; i < n && deliveries < DELIVERIES_PER_BATCH; i++) {
        struct slice *ids;

        directory_match(task->arena, shard->dispatcher->directory, &events[i], &ids, &items[i].n);
        items[i].endpoints = ids;
        items[i].event_id = events[i].id;
        items[i].type = event_row(events[i].type)->name;
        items[i].body = events[i].body;
        items[i].owner = events[i].owner;
        deliveries += items[i].n;
    }
    return i;
}

static void note_ready(struct shard *shard, const struct acceptance *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < items[i].n; k++) {
            struct receiver *receiver =
                directory_find(shard->dispatcher->directory, items[i].endpoints[k]);

            if (receiver)
                sender_note_ready(shard, receiver);
        }
}

/* Its owner learns of it by an event. Whoever dies between the two commits tells it again. */
static void tell_full(struct task *task, const struct shard *shard, struct slice id)
{
    struct state *state = shard->dispatcher->state;
    const struct receiver *receiver = directory_find(shard->dispatcher->directory, id);

    if (!receiver)
        return;
    struct commit *commit = commit_new(task, state, receiver->endpoint.partition);
    struct event event = {.type = EVENT_WEBHOOK_BACKLOG_FULL,
                          .owner = arena_dup(task->arena, receiver->endpoint.owner),
                          .resource = id,
                          .resource_type = SLICE("webhook")};

    log_event(LOG_WARN, "backlog_full", F("endpoint", id), F("partition", shard->partition));
    commit_event(commit, &event);
    if (commit_send(commit) == OK)
        delivery_full_told(task, state, shard->partition, id);
}

static enum round accept_events(struct task *task, struct shard *shard, const struct event *events,
                                size_t n)
{
    struct dispatcher *dispatcher = shard->dispatcher;
    struct acceptance *items = ARENA_ARRAY(task->arena, struct acceptance, n);
    struct head to = {.epoch = shard->cursor.epoch}, now;
    struct slice *full;
    size_t full_n;

    /* After the events were read: an endpoint that was made before one of them is known. */
    enum err err = directory_refresh(task, dispatcher->directory);
    if (err != OK)
        return after_error(shard, err);
    n = match(task, shard, events, n, items);
    to.offset = events[n - 1].offset;
    memcpy(to.hash, events[n - 1].hash, sizeof to.hash);
    FAULT_POINT(WEBHOOK_BEFORE_ACCEPT);
    err = delivery_accept(task, dispatcher->state, shard->partition, &shard->cursor, &to, items, n,
                          clock_unix_ms(), &dispatcher->bounds, &full, &full_n, &now);
    FAULT_POINT(WEBHOOK_AFTER_ACCEPT);
    if (err == ERR_CONFLICT) {
        shard->cursor = now; /* another dispatcher was faster */
        return ROUND_MORE;
    }
    if (err != OK)
        return after_error(shard, err);
    shard->cursor = to;
    note_ready(shard, items, n);
    for (size_t i = 0; i < full_n; i++)
        tell_full(task, shard, full[i]);
    return ROUND_MORE;
}

static enum round accept_round(struct task *task, struct shard *shard)
{
    struct event *events;
    size_t n;

    if (!shard->cursor_known || shard->cursor.epoch == 0) {
        enum round round = open_cursor(task, shard, NULL);
        if (round != ROUND_MORE)
            return round;
    }
    enum err err = stream_read(task, shard->dispatcher->state, shard->partition, &shard->cursor,
                               EVENTS_PER_BATCH, &events, &n);
    if (err == ERR_NOT_FOUND || err == ERR_CONFLICT)
        return lose_cursor(task, shard, err);
    if (err != OK)
        return after_error(shard, err);
    return n > 0 ? accept_events(task, shard, events, n) : ROUND_IDLE;
}

static void trim(struct task *task, const struct shard *shard)
{
    uint64_t removed = 0;

    if (delivery_trim_events(task, shard->dispatcher->state, shard->partition, clock_unix_ms(),
                             &removed) == OK &&
        removed > 0)
        log_event(LOG_INFO, "events_trimmed", F("partition", shard->partition),
                  F("count", (long long)removed));
}

void acceptor_run(struct task *task, void *arg)
{
    struct shard *shard = arg;
    struct task step = {.arena = arena_new()};
    uint64_t trim_at_ms = 0;

    while (!shard->dispatcher->stopping) {
        step.deadline_ms = clock_ms() + SHARD_STEP_MS;
        enum round round = accept_round(&step, shard);
        if (round != ROUND_AWAY && clock_ms() >= trim_at_ms) {
            trim(&step, shard);
            trim_at_ms = clock_ms() + TRIM_EVERY_MS;
        }
        arena_reset(step.arena);
        if (round == ROUND_IDLE)
            bell_wait(&shard->news, SHARD_POLL_MS);
        else if (round == ROUND_AWAY)
            fiber_sleep(SHARD_AWAY_MS);
    }
    arena_free(step.arena);
}
