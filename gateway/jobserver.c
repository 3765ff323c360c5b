#include "gateway/jobserver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"
#include "gateway/job_outcome.h"
#include "state/media.h"

#include <assert.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    SLOTS = 256,
    SLOTS_PARKED_MAX = SLOTS * 9 / 10, /* past it nobody is parked: heartbeats must get through */
    PARK_MS = 25000,
    TICK_MS = 1000,
    DEADLINE_GRACE_MS = 60000, /* the worker keeps the deadline itself */
    DRAIN_MS = 100,
    SLOT_MAGIC = 0x6a73736c,
    TOKEN_MAX = 200, /* wire.yaml, lease */
    PIPES_MAX = 1024,
    PROGRESS_TTL_S = 60,
};

enum step { SLOT_RECEIVING, SLOT_WORKING, SLOT_PARKED, SLOT_SENDING, SLOT_CLOSED };

/* One nng context: receives a request, is at work on it or parked, sends the answer, and again. */
struct slot {
    uint32_t magic;
    struct jobserver *server;
    nng_ctx context;
    nng_aio *aio;
    enum step step;
    nng_msg *request;
    uint32_t pipe;
    /* While parked: */
    char worker[65], boot[65];
    uint64_t sequence, since_ms;
    unsigned kinds;
};

/* A job that a worker of this gateway has, or was offered. */
struct lease {
    struct lease *next;
    char token[TOKEN_MAX + 1];
    char worker[65], boot[65]; /* as long as it is only offered */
    uint32_t pipe;
    bool accepted;
    uint64_t silent_until_ms; /* the next word is due by then */
    uint64_t deadline_ms;
};

struct jobserver {
    struct gateway *gateway;
    nng_socket socket;
    size_t refs; /* fibers, and the owner until the socket is closed */
    bool stopping, closed;
    bool wanted, dispatching; /* a look at the queues; it is under way */
    struct timer tick;
    struct lease *leases;
    uint32_t pipes[PIPES_MAX];
    size_t pipe_count;
    struct slot slots[SLOTS];
};

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

/* ---- slots ---- */

static void receive(struct slot *slot)
{
    slot->step = SLOT_RECEIVING;
    nng_ctx_recv(slot->context, slot->aio);
}

static void answer(struct slot *slot, const struct wire_message *message)
{
    struct buf bytes;
    nng_msg *out = NULL;

    if (slot->server->closed)
        return;
    assert(slot->step == SLOT_WORKING || slot->step == SLOT_PARKED);
    buf_init(&bytes, WIRE_MAX_BYTES);
    bool fine = wire_encode(&bytes, message) && nng_msg_alloc(&out, 0) == 0 &&
                nng_msg_append(out, buf_slice(&bytes).p, buf_slice(&bytes).n) == 0;
    buf_fini(&bytes);
    assert(fine);
    (void)fine;
    slot->step = SLOT_SENDING;
    nng_aio_set_timeout(slot->aio, slot->server->stopping ? DRAIN_MS : NNG_DURATION_DEFAULT);
    nng_aio_set_msg(slot->aio, out);
    nng_ctx_send(slot->context, slot->aio);
}

static void answer_bare(struct slot *slot, enum wire_type type)
{
    answer(slot, &(struct wire_message){.type = type});
}

static void answer_none(struct slot *slot, uint64_t wait_ms)
{
    answer(slot, &(struct wire_message){.type = WIRE_NONE, .none = {wait_ms}});
}

static size_t count_parked(const struct jobserver *server)
{
    size_t n = 0;

    for (size_t i = 0; i < SLOTS; i++)
        n += server->slots[i].step == SLOT_PARKED;
    return n;
}

/* The parked request that can use one of these kinds and has waited longest; NULL: none. */
static struct slot *find_parked(struct jobserver *server, unsigned kinds)
{
    struct slot *best = NULL;

    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &server->slots[i];

        if (slot->step == SLOT_PARKED && (slot->kinds & kinds) &&
            (!best || slot->since_ms < best->since_ms))
            best = slot;
    }
    return best;
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

struct release {
    struct jobserver *server;
    bool counts;
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
        job_failed(task, server->gateway, &job, &why) == OK)
        jobserver_wake(server);
    mem_free(release);
    unref(server);
}

/* Takes a lease out of the table and gives its job back. */
static void give_back(struct jobserver *server, struct lease *lease, bool counts)
{
    struct release *release = MEM_NEW(struct release);

    release->server = server;
    release->counts = counts;
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

static void offer(struct task *task, struct jobserver *server, const struct job *job)
{
    struct wire_message message = {.type = WIRE_JOB};
    enum err err = job_describe(task, server->gateway, job, &message.job);

    if (err == ERR_NOT_FOUND)
        return;
    struct slot *slot =
        err == OK && !server->stopping ? find_parked(server, 1u << job->kind) : NULL;
    if (!slot) {
        job_release(task, server->gateway->state, job, false, SLICE_NONE);
        return;
    }
    struct lease *lease = lease_add(server, message.job.lease, slot->pipe, message.job.deadline_ms);
    memcpy(lease->worker, slot->worker, sizeof(lease->worker));
    memcpy(lease->boot, slot->boot, sizeof(lease->boot));
    answer(slot, &message);
}

/* Until the parked have work or the queues are empty. */
static void hand_out(struct task *task, struct jobserver *server)
{
    unsigned empty = 0; /* kinds of which nothing waits */
    struct slot *slot;

    while (!server->stopping && (slot = find_parked(server, ~empty))) {
        unsigned kinds = slot->kinds & ~empty;
        struct job job;
        enum err err = job_claim(task, server->gateway->state, kinds, &job);

        if (err == ERR_NOT_FOUND)
            empty |= kinds;
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
        struct slot *slot = &server->slots[i];

        if (slot->step == SLOT_PARKED && slice_eq(slice_from(slot->boot), boot) &&
            slot->sequence <= sequence)
            answer_none(slot, 0);
    }
    while ((lease = lease_of_pipe(server, 0, boot)))
        give_back(server, lease, false);
}

static bool pipe_is_open(const struct jobserver *server, uint32_t pipe)
{
    for (size_t i = 0; i < server->pipe_count; i++) {
        if (server->pipes[i] == pipe)
            return true;
    }
    return false;
}

static void on_ready(struct slot *slot, const struct wire_ready *ready)
{
    struct jobserver *server = slot->server;

    forget_older(server, ready->boot, ready->sequence);
    if (server->stopping) {
        answer_bare(slot, WIRE_DRAIN);
        return;
    }
    if (count_parked(server) >= SLOTS_PARKED_MAX || !pipe_is_open(server, slot->pipe) ||
        !ready->kinds) {
        answer_none(slot, TICK_MS);
        return;
    }
    set_text(slot->worker, ready->worker);
    set_text(slot->boot, ready->boot);
    slot->sequence = ready->sequence;
    slot->kinds = ready->kinds;
    slot->since_ms = clock_ms();
    slot->step = SLOT_PARKED;
    jobserver_wake(server);
}

/* A job whose lease holds belongs to whoever carries it, also when another gateway gave it away. */
static void note_word(struct slot *slot, struct slice token, enum job_kind kind)
{
    struct jobserver *server = slot->server;
    struct lease *lease = lease_find(server, token);

    if (!lease) {
        enum { UNKNOWN_START_MS = 6 * 3600 * 1000 };
        log_event(LOG_INFO, "lease_adopted", F("lease", token), F("kind", job_kind_name(kind)));
        lease = lease_add(server, token, slot->pipe, UNKNOWN_START_MS);
    }
    lease->pipe = slot->pipe;
    lease->accepted = true;
    lease->silent_until_ms = clock_ms() + JOB_LEASE_MS;
}

static void answer_by(struct slot *slot, struct slice token, enum err err)
{
    if (err == OK) {
        answer_bare(slot, WIRE_GO_ON);
        return;
    }
    if (err == ERR_STATE_UNAVAILABLE) {
        answer_bare(slot, WIRE_AGAIN);
        return;
    }
    lease_drop(slot->server, token);
    answer_bare(slot, WIRE_CANCEL);
}

static void on_accepted(struct task *task, struct slot *slot, struct slice token,
                        const struct job *job)
{
    struct state *state = slot->server->gateway->state;
    enum err err = job_renew(task, state, job);

    if (err == OK)
        note_word(slot, token, job->kind);
    answer_by(slot, token, err);
    /* The worker need not wait for this; a lost one is only news that came late. */
    if (err == OK && job->kind != JOB_TRANSCODE)
        media_processing(task, state, job);
}

static void on_progress(struct task *task, struct slot *slot, const struct wire_progress *progress,
                        const struct job *job)
{
    struct gateway *gateway = slot->server->gateway;
    struct slice kind = job_kind_name(job->kind);
    enum err err = job_renew(task, gateway->state, job);

    if (err == OK)
        note_word(slot, progress->lease, job->kind);
    answer_by(slot, progress->lease, err);
    if (err != OK || slot->server->closed)
        return;
    realtime_progress(gateway->realtime, job->media_id, job->owner, kind,
                      (unsigned)progress->percent);
    redis_post(gateway->state->fleeting, SLICE("SET"),
               state_key(task->arena, job->partition, "progress:%.*s", SLICE_ARG(job->media_id)),
               arena_printf(task->arena, "%.*s %u", SLICE_ARG(kind), (unsigned)progress->percent),
               SLICE("EX"), arena_printf(task->arena, "%d", PROGRESS_TTL_S));
}

/* The end of a job, good or bad. */
static void on_result(struct task *task, struct slot *slot, const struct wire_message *message,
                      struct slice token, const struct job *job)
{
    struct jobserver *server = slot->server;
    enum err err = message->type == WIRE_DONE
                       ? job_done(task, server->gateway, job, &message->done.results)
                       : job_failed(task, server->gateway, job, &message->failed);

    if (err == OK)
        lease_drop(server, token);
    else if (err != ERR_STATE_UNAVAILABLE)
        log_event(LOG_WARN, "result_refused", F("job", job->id), F("error", err_row(err)->slug));
    answer_by(slot, token, err);
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
        !job_token_parse(token, slot->server->gateway->state->partitions, &job)) {
        log_event(LOG_WARN, "worker_out_of_turn", F("type", wire_type_name(message->type)));
        answer_bare(slot, WIRE_CANCEL);
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
        forget_older(slot->server, message->busy.boot, message->busy.sequence);
        answer_bare(slot, WIRE_GO_ON);
    } else {
        on_lease_message(task, slot, message);
    }
}

static void run_request(struct task *task, void *arg)
{
    struct slot *slot = arg;
    struct jobserver *server = slot->server;
    struct slice bytes = {nng_msg_body(slot->request), nng_msg_len(slot->request)};
    struct wire_message message;
    enum wire_fault fault = wire_decode(task->arena, arena_dup(task->arena, bytes), &message);

    nng_msg_free(slot->request);
    slot->request = NULL;
    if (fault == WIRE_FINE) {
        on_message(task, slot, &message);
    } else {
        log_event(LOG_WARN, "worker_speaks_nonsense", F("fault", wire_fault_name(fault)));
        answer_bare(slot, WIRE_CANCEL);
    }
    unref(server);
}

/* ---- what nng tells ---- */

static void take_request(struct slot *slot)
{
    slot->request = nng_aio_get_msg(slot->aio);
    slot->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(slot->request));
    slot->step = SLOT_WORKING;
    if (spawn(slot->server, run_request, slot))
        return;
    nng_msg_free(slot->request);
    slot->request = NULL;
    answer_bare(slot, WIRE_AGAIN);
}

static void on_step(void *arg)
{
    struct slot *slot = CAST_OBJ(struct slot, arg, SLOT_MAGIC);
    int failed = nng_aio_result(slot->aio);

    if (failed && slot->step == SLOT_SENDING)
        nng_msg_free(nng_aio_get_msg(slot->aio));
    if (failed == NNG_ECLOSED || slot->server->closed)
        slot->step = SLOT_CLOSED;
    else if (slot->step == SLOT_RECEIVING && !failed)
        take_request(slot);
    else
        receive(slot);
}

static void on_aio(void *arg)
{
    loop_post(on_step, arg);
}

struct pipe_news {
    struct jobserver *server;
    uint32_t pipe;
    bool open;
};

static void pipe_closed(struct jobserver *server, uint32_t pipe)
{
    struct lease *lease;

    for (size_t i = 0; i < server->pipe_count; i++) {
        if (server->pipes[i] == pipe)
            server->pipes[i--] = server->pipes[--server->pipe_count];
    }
    for (size_t i = 0; i < SLOTS; i++) {
        /* nng throws the answer away, and the slot is free again. */
        if (server->slots[i].step == SLOT_PARKED && server->slots[i].pipe == pipe)
            answer_none(&server->slots[i], 0);
    }
    while ((lease = lease_of_pipe(server, pipe, SLICE_NONE)))
        give_back(server, lease, false);
}

static void on_pipe_news(void *arg)
{
    struct pipe_news news = *(struct pipe_news *)arg;

    mem_free(arg);
    if (news.server->stopping)
        return;
    if (!news.open)
        pipe_closed(news.server, news.pipe);
    else if (news.server->pipe_count < PIPES_MAX)
        news.server->pipes[news.server->pipe_count++] = news.pipe;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct pipe_news *news = MEM_NEW(struct pipe_news);

    *news = (struct pipe_news){arg, (uint32_t)nng_pipe_id(pipe), event == NNG_PIPE_EV_ADD_PRE};
    loop_post(on_pipe_news, news);
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
        struct slot *slot = &server->slots[i];

        if (slot->step == SLOT_PARKED && now_ms - slot->since_ms > PARK_MS)
            answer_none(slot, 0);
    }
    end_late_leases(server, now_ms);
    jobserver_wake(server);
}

/* ---- start and stop ---- */

static int open_slots(struct jobserver *server)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &server->slots[i];
        int failed = nng_ctx_open(&slot->context, server->socket);

        if (!failed)
            failed = nng_aio_alloc(&slot->aio, on_aio, slot);
        if (failed)
            return failed;
        slot->magic = SLOT_MAGIC;
        slot->server = server;
    }
    return 0;
}

static int listen_at(struct jobserver *server, const char *url)
{
    nng_listener listener;
    int failed = nng_listener_create(&listener, server->socket, url);

    if (failed)
        return failed;
    if (strncmp(url, "ipc:", 4) == 0)
        failed = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    else if (strncmp(url, "tcp:", 4) == 0)
        failed = nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    return failed ? failed : nng_listener_start(listener, 0);
}

static int open_all(struct jobserver *server, const char *url)
{
    int failed = nng_rep0_open(&server->socket);

    if (!failed)
        failed = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, 1 << 20);
    if (!failed)
        failed = nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, server);
    if (!failed)
        failed = nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe, server);
    if (!failed)
        failed = open_slots(server);
    return failed ? failed : listen_at(server, url);
}

static void close_all(struct jobserver *server)
{
    server->closed = true;
    nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, NULL, NULL);
    nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, NULL, NULL);
    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].aio)
            nng_aio_stop(server->slots[i].aio);
    }
    nng_close(server->socket);
}

/* Runs after everything that nng's threads had posted. */
static void on_last_post(void *arg)
{
    struct jobserver *server = arg;

    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].aio)
            nng_aio_free(server->slots[i].aio);
    }
    while (server->leases)
        lease_drop(server, slice_from(server->leases->token));
    unref(server);
}

struct jobserver *jobserver_start(struct gateway *gateway, struct slice url, char **problem)
{
    enum { PROBLEM_BYTES = 300 };
    struct jobserver *server = MEM_NEW(struct jobserver);
    struct arena *arena = arena_new();

    server->gateway = gateway;
    server->refs = 1;
    int failed = open_all(server, arena_cstr(arena, url));
    arena_free(arena);
    if (failed) {
        *problem = mem_alloc(PROBLEM_BYTES);
        snprintf(*problem, PROBLEM_BYTES, "Cannot serve jobs at %.*s: %s", SLICE_ARG(url),
                 nng_strerror(failed));
        close_all(server);
        on_last_post(server);
        return NULL;
    }
    for (size_t i = 0; i < SLOTS; i++)
        receive(&server->slots[i]);
    timer_start(&server->tick, TICK_MS, on_tick);
    return server;
}

void jobserver_stop(struct jobserver *server)
{
    server->stopping = true;
    timer_stop(&server->tick);
    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].step == SLOT_PARKED)
            answer_bare(&server->slots[i], WIRE_DRAIN);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].step == SLOT_SENDING)
            nng_aio_wait(server->slots[i].aio);
    }
    close_all(server);
    loop_post(on_last_post, server);
}
