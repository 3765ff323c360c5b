#include "gateway/jobs/jobserver.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"
#include "gateway/jobs/job_outcome.h"
#include "gateway/jobs/job_slots.h"
#include "state/job_kind.h"
#include "state/media.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    PARK_MS = 25000,
    TICK_MS = 1000,
    DEADLINE_GRACE_MS = 60000,   /* the worker keeps the deadline itself */
    COMING_MS = 30000,           /* the first worker, after the start */
    SILENT_MS = PARK_MS + 15000, /* the idlest one asks again within PARK_MS */
    TOKEN_MAX = 200,             /* wire.yaml, lease */
    WISHES_MAX = 32, /* different ones that are tried at a time; the rest at the next tick */
};

/* A job that a worker of this gateway has, or was offered. */
struct lease {
    struct lease *next;
    char token[TOKEN_MAX + 1];
    char worker[65], boot[65]; /* as long as it is only offered */
    uint32_t pipe;
    bool accepted;
    uint64_t cost_ms, begun_ms; /* begun 0: not yet, or by another gateway */
    uint64_t silent_until_ms;   /* the next word is due by then */
    uint64_t deadline_ms;
};

struct jobserver {
    struct gateway *gateway;
    size_t refs; /* fibers, and the owner until the socket is closed */
    bool stopping;
    bool wanted, dispatching; /* a look at the queues; it is under way */
    struct timer tick;
    struct lease *leases;
    uint64_t started_ms, heard_ms; /* a word of any worker; 0: none yet */
    enum wire_hold hold;           /* the least of late */
    uint64_t held_ms;              /* when that was heard; 0: never */
    struct slots slots;
};

static struct jobserver *server_of(const struct slot *slot)
{
    return CONTAINER_OF(slot->owner, struct jobserver, slots);
}

static void unref(struct jobserver *server)
{
    if (--server->refs == 0)
        mem_free(server);
}

/* Work on a fiber that keeps the server alive meanwhile. */
static bool spawn(struct jobserver *server, task_fn *fn, void *arg)
{
    bool spawned = task_spawn(fn, arg);

    server->refs += spawned;
    return spawned;
}

/* ---- leases ---- */

static struct lease *lease_find(struct jobserver *server, struct slice token)
{
    for (struct lease *lease = server->leases; lease; lease = lease->next) {
        if (slice_eq(slice_from(lease->token), token))
            return lease;
    }
    return NULL;
}

static struct lease *lease_add(struct jobserver *server, struct slice token, uint32_t pipe,
                               uint64_t deadline_ms)
{
    struct lease *lease = MEM_NEW(struct lease);

    assert(token.n <= TOKEN_MAX);
    memcpy(lease->token, token.p, token.n);
    lease->pipe = pipe;
    lease->silent_until_ms = clock_ms() + JOB_OFFER_MS;
    lease->deadline_ms = clock_ms() + deadline_ms + DEADLINE_GRACE_MS;
    lease->next = server->leases;
    server->leases = lease;
    return lease;
}

static void lease_drop(struct jobserver *server, struct slice token)
{
    for (struct lease **at = &server->leases; *at; at = &(*at)->next) {
        struct lease *lease = *at;

        if (!slice_eq(slice_from(lease->token), token))
            continue;
        *at = lease->next;
        mem_free(lease);
        return;
    }
}

/* A job's owner has been charged with what it was thought to take; what it took beyond that. */
static int64_t overrun_ms(const struct lease *lease)
{
    if (!lease || !lease->cost_ms)
        return 0;
    uint64_t took_ms = lease->begun_ms ? clock_ms() - lease->begun_ms : 0;
    return (int64_t)took_ms - (int64_t)lease->cost_ms;
}

struct release {
    struct jobserver *server;
    bool counts;
    int64_t overrun_ms;
    char token[TOKEN_MAX + 1];
};

static void run_release(struct task *task, void *arg)
{
    struct release *release = arg;
    struct jobserver *server = release->server;
    struct job job;
    const struct wire_failed why = {
        .reason = release->counts ? WIRE_REASON_TIMED_OUT : WIRE_REASON_CANCELLED,
        .message = release->counts ? SLICE("The worker did not end in time.")
                                   : SLICE("The worker went away."),
        .retryable = true,
        .counts = release->counts,
    };

    /* On failure the lease runs out by itself. */
    if (job_token_parse(slice_from(release->token), server->gateway->state->partitions, &job) &&
        job_failed(task, server->gateway, &job, &why) == OK) {
        job_charge(task, server->gateway->state, &job, release->overrun_ms);
        jobserver_wake(server);
    }
    mem_free(release);
    unref(server);
}

/* Takes a lease out of the table and gives its job back. */
static void give_back(struct jobserver *server, struct lease *lease, bool counts)
{
    struct release *release = MEM_NEW(struct release);

    release->server = server;
    release->counts = counts;
    release->overrun_ms = overrun_ms(lease);
    memcpy(release->token, lease->token, sizeof(release->token));
    log_event(LOG_INFO, "lease_ended", F("lease", lease->token), F("accepted", lease->accepted),
              F("late", counts));
    lease_drop(server, slice_from(release->token));
    if (!spawn(server, run_release, release))
        mem_free(release);
}

/* The next lease on this pipe; or, with a boot, one that this worker was offered and did not take.
 */
static struct lease *lease_of_pipe(struct jobserver *server, uint32_t pipe, struct slice boot)
{
    for (struct lease *lease = server->leases; lease; lease = lease->next) {
        if (boot.n ? !lease->accepted && slice_eq(slice_from(lease->boot), boot)
                   : lease->pipe == pipe)
            return lease;
    }
    return NULL;
}

/* ---- handing out ---- */

static bool takes(const struct slot *slot, const void *arg)
{
    const struct job *job = arg;

    return (slot->wish.kinds & 1u << job->kind) &&
           (!slot->wish.brief || !job_kind_row(job->kind)->yields ||
            job->cost_ms <= slot->wish.brief_ms);
}

static void offer(struct task *task, struct jobserver *server, const struct job *job)
{
    struct wire_message message = {.type = WIRE_JOB};
    enum err err = job_describe(task, server->gateway, job, &message.job);

    if (err == ERR_NOT_FOUND)
        return;
    struct slot *slot =
        err == OK && !server->stopping ? slots_find_parked(&server->slots, takes, job) : NULL;
    if (!slot) {
        job_release(task, server->gateway->state, job, false, SLICE_NONE);
        return;
    }
    struct lease *lease = lease_add(server, message.job.lease, slot->pipe, message.job.deadline_ms);
    lease->cost_ms = job->cost_ms;
    memcpy(lease->worker, slot->worker, sizeof(lease->worker));
    memcpy(lease->boot, slot->boot, sizeof(lease->boot));
    slot_answer(slot, &message);
}

/* Wishes that nothing fulfils just now. */
struct wishes {
    struct job_wish list[WISHES_MAX];
    size_t n;
};

static bool is_promising(const struct slot *slot, const void *arg)
{
    const struct wishes *vain = arg;

    for (size_t i = 0; i < vain->n; i++) {
        const struct job_wish *wish = &vain->list[i];

        if ((slot->wish.kinds & ~wish->kinds) == 0 &&
            (!wish->brief || (slot->wish.brief && slot->wish.brief_ms <= wish->brief_ms)))
            return false;
    }
    return true;
}

/* Until the parked have work or the queues are empty. */
static void hand_out(struct task *task, struct jobserver *server)
{
    struct wishes vain = {0};
    struct slot *slot;

    while (!server->stopping && vain.n < WISHES_MAX &&
           (slot = slots_find_parked(&server->slots, is_promising, &vain))) {
        struct job_wish wish = slot->wish;
        struct job job;
        enum err err = job_claim(task, server->gateway->state, &wish, &job);

        if (err == ERR_NOT_FOUND)
            vain.list[vain.n++] = wish;
        else if (err == OK)
            offer(task, server, &job);
        else
            return; /* the next tick looks again */
        arena_reset(task->arena);
    }
}

static void run_dispatch(struct task *task, void *arg)
{
    struct jobserver *server = arg;

    while (server->wanted && !server->stopping) {
        server->wanted = false;
        hand_out(task, server);
    }
    server->dispatching = false;
    unref(server);
}

void jobserver_wake(struct jobserver *server)
{
    if (server->stopping)
        return;
    server->wanted = true;
    if (!server->dispatching)
        server->dispatching = spawn(server, run_dispatch, server);
}

/* ---- messages ---- */

static void set_text(char out[65], struct slice text)
{
    assert(text.n <= 64);
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

/* What the worker no longer waits for, or was offered and did not take, since it asks again. */
static void forget_older(struct jobserver *server, struct slice boot, uint64_t sequence)
{
    struct lease *lease;

    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &server->slots.slot[i];

        if (slot->step == SLOT_PARKED && slice_eq(slice_from(slot->boot), boot) &&
            slot->sequence <= sequence)
            slot_answer_none(slot, 0);
    }
    while ((lease = lease_of_pipe(server, 0, boot)))
        give_back(server, lease, false);
}

/* A worker asks at least as often as it is answered "none", so one that is gone is soon forgotten.
 */
static void note_hold(struct jobserver *server, enum wire_hold hold)
{
    if (server->held_ms && hold > server->hold && clock_ms() - server->held_ms < SILENT_MS)
        return;
    server->hold = hold;
    server->held_ms = clock_ms();
}

static void on_ready(struct slot *slot, const struct wire_ready *ready)
{
    struct jobserver *server = server_of(slot);

    forget_older(server, ready->boot, ready->sequence);
    note_hold(server, ready->hold);
    if (server->stopping) {
        slot_answer_bare(slot, WIRE_DRAIN);
        return;
    }
    if (slots_parked(&server->slots) >= SLOTS_PARKED_MAX ||
        !slots_pipe_open(&server->slots, slot->pipe) || !ready->kinds) {
        slot_answer_none(slot, TICK_MS);
        return;
    }
    set_text(slot->worker, ready->worker);
    set_text(slot->boot, ready->boot);
    slot->sequence = ready->sequence;
    slot->wish = (struct job_wish){ready->kinds, ready->has_brief_ms, ready->brief_ms};
    slot->since_ms = clock_ms();
    slot->step = SLOT_PARKED;
    jobserver_wake(server);
}

/* A job whose lease holds belongs to whoever carries it, also when another gateway gave it away. */
static void note_word(struct slot *slot, struct slice token, enum job_kind kind)
{
    struct jobserver *server = server_of(slot);
    struct lease *lease = lease_find(server, token);

    if (!lease) {
        log_event(LOG_INFO, "lease_adopted", F("lease", token), F("kind", job_kind_name(kind)));
        lease = lease_add(server, token, slot->pipe, job_kind_row(kind)->deadline.most_ms);
    }
    lease->pipe = slot->pipe;
    if (!lease->accepted)
        lease->begun_ms = clock_ms();
    lease->accepted = true;
    lease->silent_until_ms = clock_ms() + JOB_LEASE_MS;
}

static void answer_by(struct slot *slot, struct slice token, enum err err)
{
    if (err == OK) {
        slot_answer_bare(slot, WIRE_GO_ON);
        return;
    }
    if (err == ERR_STATE_UNAVAILABLE || err == ERR_OVERTAKEN) {
        slot_answer_bare(slot, WIRE_AGAIN);
        return;
    }
    lease_drop(server_of(slot), token);
    slot_answer_bare(slot, WIRE_CANCEL);
}

static void on_accepted(struct task *task, struct slot *slot, struct slice token,
                        const struct job *job)
{
    struct state *state = server_of(slot)->gateway->state;

    FAULT_POINT(JOB_BEFORE_ACCEPT);
    enum err err = job_renew(task, state, job);
    FAULT_POINT(JOB_AFTER_ACCEPT);
    if (err == OK)
        note_word(slot, token, job->kind);
    answer_by(slot, token, err);
    /* The worker need not wait for this; a lost one is only news that came late. */
    if (err == OK && job_kind_row(job->kind)->loss == LOSS_MEDIA)
        media_processing(task, state, job);
}

static void on_progress(struct task *task, struct slot *slot, const struct wire_progress *progress,
                        const struct job *job)
{
    struct gateway *gateway = server_of(slot)->gateway;
    enum err err = job_renew(task, gateway->state, job);

    if (err == OK)
        note_word(slot, progress->lease, job->kind);
    answer_by(slot, progress->lease, err);
    if (err == OK)
        progress_publish(gateway->state, job, JOB_LEASED, (unsigned)progress->percent);
}

/* The end of a job, good or bad. */
static void on_result(struct task *task, struct slot *slot, const struct wire_message *message,
                      struct slice token, const struct job *job)
{
    struct jobserver *server = server_of(slot);

    FAULT_POINT(RESULT_BEFORE_COMMIT);
    enum err err = message->type == WIRE_DONE
                       ? job_done(task, server->gateway, job, &message->done)
                       : job_failed(task, server->gateway, job, &message->failed);
    FAULT_POINT(RESULT_AFTER_COMMIT);
    int64_t more_ms = overrun_ms(lease_find(server, token));
    if (err == OK)
        lease_drop(server, token);
    else if (err != ERR_STATE_UNAVAILABLE && err != ERR_OVERTAKEN)
        log_event(LOG_WARN, "result_refused", F("job", job->id), F("error", err_row(err)->slug));
    answer_by(slot, token, err);
    if (err == OK && more_ms)
        job_charge(task, server->gateway->state, job, more_ms);
    jobserver_wake(server); /* the next step of this media, or another try */
}

static bool token_of(const struct wire_message *message, struct slice *out)
{
    switch (message->type) {
    case WIRE_ACCEPTED:
        *out = message->accepted.lease;
        return true;
    case WIRE_PROGRESS:
        *out = message->progress.lease;
        return true;
    case WIRE_DONE:
        *out = message->done.lease;
        return true;
    case WIRE_FAILED:
        *out = message->failed.lease;
        return true;
    default:
        return false;
    }
}

static void on_lease_message(struct task *task, struct slot *slot,
                             const struct wire_message *message)
{
    struct slice token;
    struct job job;

    if (!token_of(message, &token) ||
        !job_token_parse(token, server_of(slot)->gateway->state->partitions, &job)) {
        log_event(LOG_WARN, "worker_out_of_turn", F("type", wire_type_name(message->type)));
        slot_answer_bare(slot, WIRE_CANCEL);
        return;
    }
    if (message->type == WIRE_ACCEPTED)
        on_accepted(task, slot, token, &job);
    else if (message->type == WIRE_PROGRESS)
        on_progress(task, slot, &message->progress, &job);
    else
        on_result(task, slot, message, token, &job);
}

static void on_message(struct task *task, struct slot *slot, const struct wire_message *message)
{
    if (message->type == WIRE_READY) {
        on_ready(slot, &message->ready);
    } else if (message->type == WIRE_BUSY) {
        forget_older(server_of(slot), message->busy.boot, message->busy.sequence);
        slot_answer_bare(slot, WIRE_GO_ON);
    } else {
        on_lease_message(task, slot, message);
    }
}

static void run_request(struct task *task, void *arg)
{
    struct slot *slot = arg;
    struct jobserver *server = server_of(slot);
    struct slice bytes = {nng_msg_body(slot->request), nng_msg_len(slot->request)};
    struct wire_message message;
    enum wire_fault fault = wire_decode(task->arena, arena_dup(task->arena, bytes), &message);

    nng_msg_free(slot->request);
    slot->request = NULL;
    if (fault == WIRE_FINE) {
        on_message(task, slot, &message);
    } else {
        log_event(LOG_WARN, "worker_speaks_nonsense", F("fault", wire_fault_name(fault)));
        slot_answer_bare(slot, WIRE_CANCEL);
    }
    unref(server);
}

/* ---- what the slots tell ---- */

static void on_request(struct slot *slot)
{
    server_of(slot)->heard_ms = clock_ms();
    if (spawn(server_of(slot), run_request, slot))
        return;
    nng_msg_free(slot->request);
    slot->request = NULL;
    slot_answer_bare(slot, WIRE_AGAIN);
}

static void on_pipe_closed(struct slots *slots, uint32_t pipe)
{
    struct jobserver *server = CONTAINER_OF(slots, struct jobserver, slots);
    struct lease *lease;

    while ((lease = lease_of_pipe(server, pipe, SLICE_NONE)))
        give_back(server, lease, false);
}

/* ---- clock ---- */

static void end_late_leases(struct jobserver *server, uint64_t now_ms)
{
    struct lease *lease = server->leases;

    while (lease) {
        bool late = now_ms > lease->deadline_ms;

        if (late || now_ms > lease->silent_until_ms) {
            give_back(server, lease, late);
            lease = server->leases;
        } else {
            lease = lease->next;
        }
    }
}

static void on_tick(struct timer *timer)
{
    struct jobserver *server = CONTAINER_OF(timer, struct jobserver, tick);
    uint64_t now_ms = clock_ms();

    timer_start(timer, TICK_MS, on_tick);
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &server->slots.slot[i];

        if (slot->step == SLOT_PARKED && now_ms - slot->since_ms > PARK_MS)
            slot_answer_none(slot, 0);
    }
    end_late_leases(server, now_ms);
    jobserver_wake(server);
}

/* ---- start and stop ---- */

/* Runs after everything that nng's threads had posted. */
static void on_last_post(void *arg)
{
    struct jobserver *server = arg;

    slots_free(&server->slots);
    while (server->leases)
        lease_drop(server, slice_from(server->leases->token));
    unref(server);
}

bool jobserver_has_worker(const struct jobserver *server)
{
    if (!server->heard_ms)
        return clock_ms() - server->started_ms < COMING_MS;
    return server->slots.pipe_count > 0 && clock_ms() - server->heard_ms < SILENT_MS;
}

bool jobserver_hold(const struct jobserver *server, uint64_t *hold)
{
    *hold = server->hold;
    return server->held_ms != 0;
}

struct jobserver *jobserver_start(struct gateway *gateway, struct slice url, char **problem)
{
    enum { PROBLEM_BYTES = 300 };
    struct jobserver *server = MEM_NEW(struct jobserver);
    struct arena *arena = arena_new();

    server->gateway = gateway;
    server->refs = 1;
    server->started_ms = clock_ms();
    server->slots.on_request = on_request;
    server->slots.on_pipe_closed = on_pipe_closed;
    int failed = slots_open(&server->slots, arena_cstr(arena, url));
    arena_free(arena);
    if (failed) {
        *problem = mem_alloc(PROBLEM_BYTES);
        snprintf(*problem, PROBLEM_BYTES, "Cannot serve jobs at %.*s: %s", SLICE_ARG(url),
                 nng_strerror(failed));
        slots_close(&server->slots);
        loop_post(on_last_post, server);
        return NULL;
    }
    timer_start(&server->tick, TICK_MS, on_tick);
    return server;
}

void jobserver_stop(struct jobserver *server)
{
    server->stopping = true;
    timer_stop(&server->tick);
    slots_close(&server->slots);
    loop_post(on_last_post, server);
}
