/* The sender: claims what is ready, has it posted, records how it went. One round records, ticks
 * and claims, in this order, so that no lease of ours expires while its outcome waits here. */
#include "webhooks/sender.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "webhooks/signing.h"
#include "webhooks/sweep.h"
#include "webhooks/verdict.h"

#include <assert.h>
#include <inttypes.h>

enum {
    ATTEMPT_MAGIC = 0x61747470,
    HEADERS_MAX = 8,
    HEALTH_SUCCESS_MS = 600 * 1000, /* how often a success is noted again */
    HEALTH_FAILURE_MS = 60 * 1000,
};

static const uint64_t failing_max_ms = 5 * 24 * 3600 * UINT64_C(1000);

/* One try of one delivery, from its claim until its outcome is recorded. */
struct attempt {
    uint32_t magic;
    struct attempt *next;
    struct arena *arena;
    struct shard *shard;
    struct receiver *receiver; /* counted */
    struct claimed claimed;
    struct slice url;
    uint64_t started_ms; /* Unix */
    bool gone;
    bool judged; /* it says something about the receiver */
    struct delivery_result result;
};

/* -- The list of ready receivers --------------------------------------------------------------- */

static bool set_listed(const struct shard *shard, struct receiver *receiver, bool listed)
{
    uint8_t *byte = &receiver->listed[shard->partition / 8];
    uint8_t bit = (uint8_t)(1u << shard->partition % 8);
    bool was = *byte & bit;

    *byte = (uint8_t)(listed ? *byte | bit : *byte & ~bit);
    return was;
}

/* For the sender itself: it does not wake itself for those who have to wait. */
static bool list_ready(struct shard *shard, struct receiver *receiver)
{
    if (set_listed(shard, receiver, true))
        return false;
    struct ready *ready = MEM_NEW(struct ready);

    ready->receiver = receiver_ref(receiver);
    *shard->ready_tail = ready;
    shard->ready_tail = &ready->next;
    shard->ready_count++;
    return true;
}

void sender_note_ready(struct shard *shard, struct receiver *receiver)
{
    if (list_ready(shard, receiver))
        bell_ring(&shard->work);
}

/* The caller takes over the count. */
static struct receiver *take_ready(struct shard *shard)
{
    struct ready *ready = shard->ready_head;
    struct receiver *receiver = ready->receiver;

    shard->ready_head = ready->next;
    if (!shard->ready_head)
        shard->ready_tail = &shard->ready_head;
    shard->ready_count--;
    set_listed(shard, receiver, false);
    mem_free(ready);
    return receiver;
}

/* -- One attempt ------------------------------------------------------------------------------- */

static void attempt_ended(struct attempt *attempt)
{
    struct shard *shard = attempt->shard;

    attempt->next = NULL;
    *shard->ended_tail = attempt;
    shard->ended_tail = &attempt->next;
    bell_ring(&shard->work);
}

static void on_transfer_done(void *arg, const struct transfer_result *transfer)
{
    struct attempt *attempt = CAST_OBJ(struct attempt, arg, ATTEMPT_MAGIC);
    uint64_t now_ms = clock_unix_ms(), random;

    FAULT_POINT(ATTEMPT_AFTER_SEND);
    random_bytes(&random, sizeof random);
    struct verdict verdict = verdict_of(transfer, attempt->claimed.attempts, now_ms, random);
    attempt->result.outcome = verdict.outcome;
    attempt->result.next_ms = verdict.next_ms;
    attempt->result.held_ms = verdict.held_ms;
    attempt->result.attempt = (struct delivery_attempt){attempt->started_ms, transfer->status,
                                                        transfer->duration_ms, verdict.word};
    attempt->gone = verdict.gone;
    attempt->judged = verdict.gate != GATE_NO_VERDICT;
    gate_done(&attempt->receiver->gate, verdict.gate, clock_ms());
    attempt->shard->in_flight--;
    if (verdict.outcome == OUTCOME_RETRY || verdict.outcome == OUTCOME_DEAD)
        log_event(attempt->judged ? LOG_INFO : LOG_WARN, "delivery_failed",
                  F("endpoint", attempt->claimed.endpoint),
                  F("event_id", attempt->claimed.event_id),
                  F("attempt", (long long)attempt->claimed.attempts + 1),
                  F("status", transfer->status), F("error", verdict.word));
    attempt_ended(attempt);
}

/* By the secret of before too, while a rotation is young. */
static struct slice sign(const struct attempt *attempt, uint64_t timestamp_s)
{
    const struct receiver *receiver = attempt->receiver;
    const struct claimed *claimed = &attempt->claimed;
    struct arena *arena = attempt->arena;
    struct slice signature =
        signing_v1(arena, receiver->key, claimed->event_id, timestamp_s, claimed->body);

    if (receiver->old_key.n == 0 || attempt->started_ms >= receiver->endpoint.old_secret_until_ms)
        return signature;
    struct slice old =
        signing_v1(arena, receiver->old_key, claimed->event_id, timestamp_s, claimed->body);
    return arena_printf(arena, "%.*s %.*s", SLICE_ARG(signature), SLICE_ARG(old));
}

static void post(struct attempt *attempt)
{
    struct arena *arena = attempt->arena;
    const struct receiver *receiver = attempt->receiver;
    const struct claimed *claimed = &attempt->claimed;
    uint64_t now_s = attempt->started_ms / 1000;
    struct slice *headers = ARENA_ARRAY(arena, struct slice, HEADERS_MAX);
    struct slice signature = sign(attempt, now_s);
    size_t n = 0;

    headers[n++] = arena_printf(arena, "webhook-id: %.*s", SLICE_ARG(claimed->event_id));
    headers[n++] = arena_printf(arena, "webhook-timestamp: %" PRIu64, now_s);
    headers[n++] = arena_printf(arena, "webhook-signature: %.*s", SLICE_ARG(signature));
    headers[n++] = SLICE("Content-Type: application/json");
    headers[n++] = SLICE("User-Agent: Mediahub-Webhooks/" MEDIAHUB_VERSION);
    headers[n++] = arena_printf(arena, "X-MediaVault-Event: %.*s", SLICE_ARG(claimed->type));
    assert(n <= HEADERS_MAX);
    attempt->url = arena_dup(arena, receiver->endpoint.url);
    struct transfer_request request = {
        .url = attempt->url,
        .tls = receiver->tls,
        .headers = headers,
        .header_count = n,
        .body = claimed->body,
    };
    FAULT_POINT(ATTEMPT_BEFORE_SEND);
    transfer_start(attempt->shard->dispatcher->transfers, &request, on_transfer_done, attempt);
}

static void attempt_start(struct shard *shard, struct receiver *receiver,
                          const struct claimed *claimed, struct slice fence)
{
    struct attempt *attempt = MEM_NEW(struct attempt);
    struct arena *arena = arena_new();

    attempt->magic = ATTEMPT_MAGIC;
    attempt->arena = arena;
    attempt->shard = shard;
    attempt->receiver = receiver_ref(receiver);
    attempt->started_ms = clock_unix_ms();
    attempt->claimed = (struct claimed){
        arena_dup(arena, claimed->endpoint), arena_dup(arena, claimed->event_id),
        arena_dup(arena, claimed->type), arena_dup(arena, claimed->body), claimed->attempts};
    attempt->result = (struct delivery_result){.endpoint = attempt->claimed.endpoint,
                                               .event_id = attempt->claimed.event_id,
                                               .fence = arena_dup(arena, fence),
                                               .outcome = OUTCOME_RELEASE};
    if (receiver_may_send(receiver) && !shard->dispatcher->stopping) {
        shard->in_flight++;
        post(attempt);
    } else {
        gate_give_back(&receiver->gate, 1);
        attempt_ended(attempt);
    }
}

static void attempt_free(struct attempt *attempt)
{
    receiver_unref(attempt->receiver);
    arena_free(attempt->arena);
    attempt->magic = 0;
    mem_free(attempt);
}

/* -- Recording --------------------------------------------------------------------------------- */

static void disable(struct task *task, const struct attempt *attempt, struct slice reason)
{
    const struct dispatcher *dispatcher = attempt->shard->dispatcher;
    struct endpoint tried = {.id = attempt->claimed.endpoint, .url = attempt->url};

    if (endpoint_disable(task, dispatcher->state, &tried, reason) != OK)
        return;
    log_event(LOG_WARN, "endpoint_disabled", F("endpoint", tried.id), F("reason", reason));
    directory_refresh(task, dispatcher->directory);
}

/* Transitions are noted at once, the rest now and then: what is measured in days need not cost a
 * write per delivery. */
static bool health_is_news(const struct receiver *receiver, bool success)
{
    uint64_t every_ms = success ? HEALTH_SUCCESS_MS : HEALTH_FAILURE_MS;

    return receiver->health_told_ms == 0 || receiver->failing == success ||
           clock_ms() - receiver->health_told_ms >= every_ms;
}

static void note_health(struct task *task, const struct attempt *attempt)
{
    struct receiver *receiver = attempt->receiver;
    struct slice id = attempt->claimed.endpoint;
    bool success = attempt->result.outcome == OUTCOME_DELIVERED;
    uint64_t since_ms, now_ms = clock_unix_ms();
    unsigned partition = receiver->endpoint.partition;

    if (!attempt->judged || receiver->gone)
        return;
    if (attempt->gone) {
        disable(task, attempt, SLICE("gone"));
        return;
    }
    if (!health_is_news(receiver, success) ||
        delivery_health(task, attempt->shard->dispatcher->state, partition, id, success, now_ms,
                        &since_ms) != OK)
        return;
    receiver->failing = !success;
    receiver->health_told_ms = clock_ms();
    if (since_ms > 0 && now_ms - since_ms >= failing_max_ms)
        disable(task, attempt, SLICE("failing"));
}

/* Records up to a batch of what has ended. False: Redis is away, and all stays as it is. */
static bool record_some(struct task *task, struct shard *shard)
{
    struct delivery_result *results =
        ARENA_ARRAY(task->arena, struct delivery_result, DELIVERY_BATCH_MAX);
    struct attempt *attempt = shard->ended_head;
    uint64_t stale;
    size_t n = 0;

    for (; attempt && n < DELIVERY_BATCH_MAX; attempt = attempt->next)
        results[n++] = attempt->result;
    if (n == 0)
        return true;
    FAULT_POINT(WEBHOOK_BEFORE_FINISH);
    if (delivery_finish(task, shard->dispatcher->state, shard->partition, results, n, &stale) != OK)
        return false;
    FAULT_POINT(WEBHOOK_AFTER_FINISH);
    if (stale > 0)
        log_event(LOG_WARN, "outcomes_came_late", F("partition", shard->partition),
                  F("count", (long long)stale));
    while (n-- > 0) {
        attempt = shard->ended_head;
        shard->ended_head = attempt->next;
        if (!shard->ended_head)
            shard->ended_tail = &shard->ended_head;
        if (!shard->dispatcher->stopping)
            note_health(task, attempt);
        attempt_free(attempt);
    }
    return true;
}

/* -- Ticking and claiming ---------------------------------------------------------------------- */

/* An endpoint that somebody's queue names: it may be gone. */
static void note_named(struct shard *shard, struct slice id)
{
    struct dispatcher *dispatcher = shard->dispatcher;
    struct receiver *receiver = directory_find(dispatcher->directory, id);

    if (!receiver)
        sweep_later(dispatcher, id, true);
    else if (!receiver->endpoint.active)
        sweep_later(dispatcher, id, false);
    else
        sender_note_ready(shard, receiver);
}

static bool tick(struct task *task, struct shard *shard)
{
    struct slice *ready;
    uint64_t next_ms, now_ms = clock_unix_ms(), wait_ms = SHARD_POLL_MS;
    size_t n;

    if (clock_ms() < shard->tick_at_ms)
        return true;
    if (delivery_tick(task, shard->dispatcher->state, shard->partition, now_ms, &next_ms, &ready,
                      &n) != OK)
        return false;
    if (next_ms > 0 && next_ms < now_ms + wait_ms)
        wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    /* Retries and trial messages come without an event: their endpoints may be new, or changed. */
    if (n > 0 && directory_refresh(task, shard->dispatcher->directory) != OK)
        return false;
    shard->tick_at_ms = clock_ms() + wait_ms;
    for (size_t i = 0; i < n; i++)
        note_named(shard, ready[i]);
    return true;
}

struct claim {
    struct claim_want wants[DELIVERY_BATCH_MAX];
    struct receiver *receivers[DELIVERY_BATCH_MAX]; /* counted */
    size_t n;
};

/* Takes slots for those who have something ready, in turns; each is looked at once a round. */
static void choose(struct task *task, struct shard *shard, struct claim *claim)
{
    unsigned left = DELIVERY_BATCH_MAX;

    claim->n = 0;
    for (size_t turns = shard->ready_count; turns > 0 && left > 0; turns--) {
        struct receiver *receiver = take_ready(shard);
        unsigned slots =
            receiver_may_send(receiver) ? gate_take(&receiver->gate, left, clock_ms()) : 0;

        if (slots > 0) {
            claim->wants[claim->n].endpoint = arena_dup(task->arena, receiver->endpoint.id);
            claim->wants[claim->n].wanted = slots;
            claim->receivers[claim->n++] = receiver;
            left -= slots;
            continue;
        }
        if (receiver_may_send(receiver))
            list_ready(shard, receiver);
        receiver_unref(receiver);
    }
}

static void start_claimed(struct shard *shard, struct claim *claim, const struct claimed *claimed,
                          size_t n, struct slice fence)
{
    for (size_t i = 0, at = 0; i < claim->n; i++) {
        struct receiver *receiver = claim->receivers[i];
        unsigned got = 0;

        for (; at < n && slice_eq(claimed[at].endpoint, claim->wants[i].endpoint); at++, got++)
            attempt_start(shard, receiver, &claimed[at], fence);
        gate_give_back(&receiver->gate, claim->wants[i].wanted - got);
        if (got == claim->wants[i].wanted)
            list_ready(shard, receiver);
        receiver_unref(receiver);
    }
}

/* Nobody knows what was claimed: its leases will expire. */
static void abandon(struct shard *shard, struct claim *claim)
{
    for (size_t i = 0; i < claim->n; i++) {
        gate_give_back(&claim->receivers[i]->gate, claim->wants[i].wanted);
        list_ready(shard, claim->receivers[i]);
        receiver_unref(claim->receivers[i]);
    }
}

/* *claimed_any: there may be more. False: Redis is away. */
static bool claim_some(struct task *task, struct shard *shard, bool *claimed_any)
{
    struct dispatcher *dispatcher = shard->dispatcher;
    struct claim *claim = ARENA_NEW(task->arena, struct claim);
    struct claimed *claimed;
    size_t n;

    *claimed_any = false;
    choose(task, shard, claim);
    if (claim->n == 0)
        return true;
    struct slice fence =
        arena_printf(task->arena, "%s.%" PRIu64, dispatcher->name, ++dispatcher->claims);
    FAULT_POINT(WEBHOOK_BEFORE_CLAIM);
    if (delivery_claim(task, dispatcher->state, shard->partition, fence, claim->wants, claim->n,
                       clock_unix_ms(), &claimed, &n) != OK) {
        abandon(shard, claim);
        return false;
    }
    FAULT_POINT(WEBHOOK_AFTER_CLAIM);
    start_claimed(shard, claim, claimed, n, fence);
    *claimed_any = n > 0;
    return true;
}

/* -- The fiber --------------------------------------------------------------------------------- */

static uint64_t until_tick_ms(const struct shard *shard)
{
    uint64_t now_ms = clock_ms();

    return shard->tick_at_ms > now_ms ? shard->tick_at_ms - now_ms : 1;
}

static void send_until_stopped(struct task *step, struct shard *shard)
{
    const struct dispatcher *dispatcher = shard->dispatcher;

    while (!dispatcher->stopping) {
        bool more = false;

        step->deadline_ms = clock_ms() + SHARD_STEP_MS;
        bool away =
            !record_some(step, shard) || !tick(step, shard) || !claim_some(step, shard, &more);
        arena_reset(step->arena);
        if (away)
            fiber_sleep(SHARD_AWAY_MS);
        else if (!more && !shard->ended_head)
            bell_wait(&shard->work, until_tick_ms(shard));
    }
}

/* What is in flight ends, or is aborted by the dispatcher; its outcome is recorded. */
static void finish_up(struct task *step, struct shard *shard)
{
    const struct dispatcher *dispatcher = shard->dispatcher;

    while ((shard->in_flight > 0 || shard->ended_head) && clock_ms() < dispatcher->give_up_ms) {
        step->deadline_ms = dispatcher->give_up_ms;
        if (!record_some(step, shard))
            fiber_sleep(SHARD_AWAY_MS);
        else if (!shard->ended_head)
            bell_wait(&shard->work, SHARD_AWAY_MS);
        arena_reset(step->arena);
    }
}

void sender_run(struct task *task, void *arg)
{
    struct shard *shard = arg;
    struct task step = {.arena = arena_new()};

    send_until_stopped(&step, shard);
    finish_up(&step, shard);
    assert(shard->in_flight == 0);
    arena_free(step.arena);
}

void sender_forget_all(struct shard *shard)
{
    while (shard->ended_head) {
        struct attempt *attempt = shard->ended_head;

        shard->ended_head = attempt->next;
        attempt_free(attempt);
    }
    while (shard->ready_head)
        receiver_unref(take_ready(shard));
}
