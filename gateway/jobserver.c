#include "gateway/jobserver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"
#include "gateway/job_results.h"
#include "state/media.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/transport/ipc/ipc.h>
#include <stdio.h>
#include <string.h>

/* A seat is one REP context: one request of a worker from its arrival to its answer. There must
 * always be more of them than requests can wait, or nng stops reading from a worker and its death
 * goes unnoticed; so the last tenth is never given to a parked `ready`. 0.8 KB each. */
enum {
    SEATS = 1024,
    SEATS_FREE_MIN = SEATS / 10,
    PARK_MS = 25000,
    LOOK_MS = 1000, /* for jobs that come back without an event: expired leases, retries */
    RETRY_MS = 1000,
    STOP_WAIT_MS = 1000,
    CLOSE_LOOK_MS = 20,
};

enum seat_step { SEAT_CLOSED, SEAT_RECEIVING, SEAT_SERVING, SEAT_PARKED, SEAT_ANSWERING };

struct seat {
    struct jobserver *server;
    nng_ctx context;
    nng_aio *aio;
    enum seat_step step;
    nng_msg *question;
    uint32_t pipe;
    /* While parked: */
    struct seat *next; /* in the order of arrival */
    struct timer patience;
    char worker[65], boot[65];
    uint64_t sequence;
    unsigned kinds; /* 1 << JOB_* */
};

/* A job that went out through a pipe: given back when the pipe ends. Heap; text in one piece. */
struct hold {
    struct hold *next;
    uint32_t pipe;
    struct slice wire_lease;
};

struct jobserver {
    struct gateway *gateway;
    nng_socket socket;
    struct seat seats[SEATS];
    struct seat *parked, **parked_end;
    size_t parked_count, answering;
    size_t tasks; /* fibers at work for us */
    struct hold *holds;
    struct timer look; /* after jobserver_stop(): the steps of closing */
    uint64_t close_ms;
    bool claiming, wanted, stopping, closed;
};

static void receive(struct seat *seat)
{
    seat->step = SEAT_RECEIVING;
    nng_ctx_recv(seat->context, seat->aio);
}

/* -- Answering ------------------------------------------------------------------------------- */

static void answer(struct seat *seat, const struct wire_message *message)
{
    nng_msg *out = NULL;
    struct buf bytes;

    buf_init(&bytes, WIRE_MAX_BYTES);
    if (wire_encode(&bytes, message) && nng_msg_alloc(&out, 0) == 0)
        nng_msg_append(out, buf_slice(&bytes).p, buf_slice(&bytes).n);
    buf_fini(&bytes);
    if (!out) {
        receive(seat);
        return;
    }
    seat->step = SEAT_ANSWERING;
    seat->server->answering++;
    nng_aio_set_msg(seat->aio, out);
    nng_ctx_send(seat->context, seat->aio);
}

static void answer_plain(struct seat *seat, enum wire_type type)
{
    const struct wire_message message = {.type = type};

    answer(seat, &message);
}

static void unpark(struct seat *seat)
{
    struct jobserver *server = seat->server;
    struct seat **link = &server->parked;

    while (*link != seat)
        link = &(*link)->next;
    *link = seat->next;
    if (!*link)
        server->parked_end = link;
    server->parked_count--;
    timer_stop(&seat->patience);
    seat->step = SEAT_SERVING;
}

static void send_away(struct seat *seat, uint64_t wait_ms)
{
    const struct wire_message none = {.type = WIRE_NONE, .none = {.wait_ms = wait_ms}};

    if (seat->step == SEAT_PARKED)
        unpark(seat);
    answer(seat, &none);
}

static void on_patience_over(struct timer *timer)
{
    send_away(CONTAINER_OF(timer, struct seat, patience), 0);
}

/* -- Jobs that are out ----------------------------------------------------------------------- */

static void hold_add(struct jobserver *server, uint32_t pipe, struct slice wire_lease)
{
    struct hold *hold = mem_alloc(sizeof *hold + wire_lease.n);
    char *text = (char *)(hold + 1);

    memcpy(text, wire_lease.p, wire_lease.n);
    *hold = (struct hold){server->holds, pipe, {text, wire_lease.n}};
    server->holds = hold;
}

static void hold_drop(struct jobserver *server, struct slice wire_lease)
{
    for (struct hold **link = &server->holds; *link; link = &(*link)->next) {
        struct hold *hold = *link;

        if (slice_eq(hold->wire_lease, wire_lease)) {
            *link = hold->next;
            mem_free(hold);
            return;
        }
    }
}

/* The wire's lease is "<job id>:<fence>": any gateway can take the result of a job that another one
 * (or an earlier life of this one) gave out. */
static enum err job_of_lease(struct task *task, struct state *state, struct slice wire_lease,
                             struct job *job)
{
    struct slice id, fence;

    if (!slice_split(wire_lease, ':', &id, &fence) || fence.n == 0)
        return ERR_CONFLICT;
    enum err err = job_load(task, state, id, job);
    job->lease = fence;
    return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
}

struct give_back {
    struct jobserver *server;
    struct hold *hold;
};

static void give_back_task(struct task *task, void *arg)
{
    struct give_back *back = arg;
    struct jobserver *server = back->server;
    struct job job;
    enum err err = job_of_lease(task, server->gateway->state, back->hold->wire_lease, &job);

    if (err == OK)
        err = job_release(task, server->gateway->state, &job, false, SLICE("the worker left"));
    log_event(LOG_WARN, "worker_left_job", F("lease", back->hold->wire_lease),
              F("given_back", err == OK));
    mem_free(back->hold);
    mem_free(back);
    server->tasks--;
    jobserver_wake(server);
}

/* Without a free fiber the lease ends by its deadline. */
static void give_back(struct jobserver *server, struct hold *hold)
{
    struct give_back *back = MEM_NEW(struct give_back);

    *back = (struct give_back){server, hold};
    if (task_spawn(give_back_task, back)) {
        server->tasks++;
        return;
    }
    mem_free(hold);
    mem_free(back);
}

struct pipe_end {
    struct jobserver *server;
    uint32_t pipe;
};

static void on_pipe_end(void *arg)
{
    struct pipe_end end = *(struct pipe_end *)arg;
    struct seat *seat = end.server->parked;

    mem_free(arg);
    while (seat) { /* nobody hears these answers, but the seats are free again */
        struct seat *next = seat->next;

        if (seat->pipe == end.pipe)
            send_away(seat, 0);
        seat = next;
    }
    for (struct hold **link = &end.server->holds; *link;) {
        struct hold *hold = *link;

        if (hold->pipe != end.pipe) {
            link = &hold->next;
            continue;
        }
        *link = hold->next;
        give_back(end.server, hold);
    }
}

/* On nng's thread. */
static void on_pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct pipe_end *end = MEM_NEW(struct pipe_end);

    *end = (struct pipe_end){arg, (uint32_t)nng_pipe_id(pipe)};
    loop_post(on_pipe_end, end);
}

/* -- Handing out ----------------------------------------------------------------------------- */

/* The first parked worker that can do something of what is not known to be missing. */
static struct seat *next_seat(struct jobserver *server, unsigned missing)
{
    struct seat *seat = server->parked;

    while (seat && !(seat->kinds & ~missing))
        seat = seat->next;
    return seat;
}

static enum err offer(struct task *task, struct jobserver *server, const struct job *job)
{
    struct wire_message message = {.type = WIRE_JOB};
    enum err err = job_describe(task, server->gateway->state, job, &message.job);

    if (err == ERR_NOT_FOUND) /* its media is gone: the next look drops it */
        return OK;
    /* After these awaits another seat may be first, or none be left. */
    struct seat *seat = next_seat(server, ~(1u << job->kind));
    if (err != OK || !seat)
        return job_release(task, server->gateway->state, job, false, SLICE("nobody took it"));
    hold_add(server, seat->pipe, message.job.lease);
    unpark(seat);
    answer(seat, &message);
    return OK;
}

static void claim_round(struct task *task, struct jobserver *server)
{
    unsigned missing = 0;
    struct seat *seat;

    while (!server->stopping && (seat = next_seat(server, missing)) != NULL) {
        unsigned kinds = seat->kinds & ~missing;
        struct job job;
        enum err err = job_claim(task, server->gateway->state, kinds, &job);

        if (err == OK)
            err = offer(task, server, &job);
        else if (err == ERR_NOT_FOUND)
            missing |= kinds;
        if (err != OK && err != ERR_NOT_FOUND)
            return; /* the state is away: the timer looks again */
    }
}

static void claim_task(struct task *task, void *arg)
{
    struct jobserver *server = arg;

    while (server->wanted && !server->stopping) {
        server->wanted = false;
        claim_round(task, server);
        arena_reset(task->arena);
    }
    server->claiming = false;
    server->tasks--;
}

void jobserver_wake(struct jobserver *server)
{
    server->wanted = true;
    if (server->claiming || server->stopping || !server->parked)
        return;
    server->claiming = task_spawn(claim_task, server);
    server->tasks += server->claiming;
}

static void on_look(struct timer *timer)
{
    struct jobserver *server = CONTAINER_OF(timer, struct jobserver, look);

    jobserver_wake(server);
    timer_start(timer, LOOK_MS, on_look);
}

/* -- Requests -------------------------------------------------------------------------------- */

static bool same_worker(const struct seat *seat, struct slice worker, struct slice boot)
{
    return slice_eq(slice_from(seat->worker), worker) && slice_eq(slice_from(seat->boot), boot);
}

/* A worker waits in one seat only: an earlier `ready` of its has nobody listening any more. */
static void leave_earlier_seats(struct jobserver *server, struct slice worker, struct slice boot,
                                uint64_t sequence)
{
    struct seat *seat = server->parked;

    while (seat) {
        struct seat *next = seat->next;

        if (same_worker(seat, worker, boot) && seat->sequence <= sequence)
            send_away(seat, 0);
        seat = next;
    }
}

static unsigned job_kinds(unsigned wire_kinds)
{
    unsigned kinds = 0;
    enum job_kind kind;

    for (unsigned i = 0; i < WIRE_KIND_COUNT; i++)
        if (wire_kinds & 1u << i && job_kind_parse(wire_kind_name((enum wire_kind)i), &kind))
            kinds |= 1u << kind;
    return kinds;
}

static void park(struct seat *seat, const struct wire_ready *ready)
{
    struct jobserver *server = seat->server;

    leave_earlier_seats(server, ready->worker, ready->boot, ready->sequence);
    seat->kinds = job_kinds(ready->kinds);
    if (server->stopping) {
        answer_plain(seat, WIRE_DRAIN);
        return;
    }
    if (!seat->kinds || server->parked_count >= SEATS - SEATS_FREE_MIN) {
        send_away(seat, RETRY_MS);
        return;
    }
    snprintf(seat->worker, sizeof seat->worker, "%.*s", SLICE_ARG(ready->worker));
    snprintf(seat->boot, sizeof seat->boot, "%.*s", SLICE_ARG(ready->boot));
    seat->sequence = ready->sequence;
    seat->step = SEAT_PARKED;
    seat->next = NULL;
    *server->parked_end = seat;
    server->parked_end = &seat->next;
    server->parked_count++;
    timer_start(&seat->patience, PARK_MS, on_patience_over);
    jobserver_wake(server);
}

static enum err note_progress(struct task *task, struct gateway *gateway, const struct job *job,
                              uint64_t percent)
{
    enum err err = job_renew(task, gateway->state, job);

    if (err == OK && job->kind == JOB_TRANSCODE)
        realtime_progress(gateway->realtime, job->media_id, job->owner, job_kind_name(job->kind),
                          (unsigned)percent);
    return err;
}

static enum err note(struct task *task, struct gateway *gateway, const struct wire_message *message,
                     struct slice wire_lease)
{
    struct job job;
    enum err err = job_of_lease(task, gateway->state, wire_lease, &job);

    if (err != OK)
        return err;
    switch (message->type) {
    case WIRE_ACCEPTED:
        err = job_renew(task, gateway->state, &job);
        return err == OK ? media_processing(task, gateway->state, &job) : err;
    case WIRE_PROGRESS:
        return note_progress(task, gateway, &job, message->progress.percent);
    case WIRE_DONE:
        return job_succeeded(task, gateway->state, &job, &message->done.results);
    default:
        return job_failed(task, gateway->state, &job, &message->failed);
    }
}

/* A lost lease cancels; a state that is away asks for a repetition. */
static void serve_lease(struct task *task, struct seat *seat, const struct wire_message *message,
                        struct slice wire_lease)
{
    struct jobserver *server = seat->server;
    enum err err = note(task, server->gateway, message, wire_lease);
    bool over = message->type == WIRE_DONE || message->type == WIRE_FAILED;

    if (err == ERR_CONFLICT || (over && err == OK))
        hold_drop(server, wire_lease);
    if (err == OK)
        answer_plain(seat, WIRE_GO_ON);
    else
        answer_plain(seat, err == ERR_CONFLICT ? WIRE_CANCEL : WIRE_AGAIN);
    if (over)
        jobserver_wake(server);
}

static void serve(struct task *task, struct seat *seat, const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_READY:
        park(seat, &message->ready);
        return;
    case WIRE_BUSY:
        leave_earlier_seats(seat->server, message->busy.worker, message->busy.boot,
                            message->busy.sequence);
        answer_plain(seat, WIRE_GO_ON);
        return;
    case WIRE_ACCEPTED:
        serve_lease(task, seat, message, message->accepted.lease);
        return;
    case WIRE_PROGRESS:
        serve_lease(task, seat, message, message->progress.lease);
        return;
    case WIRE_DONE:
        serve_lease(task, seat, message, message->done.lease);
        return;
    case WIRE_FAILED:
        serve_lease(task, seat, message, message->failed.lease);
        return;
    default:
        log_event(LOG_ERROR, "worker_out_of_turn", F("type", wire_type_name(message->type)));
        send_away(seat, RETRY_MS);
    }
}

static void serve_task(struct task *task, void *arg)
{
    struct seat *seat = arg;
    struct slice bytes = {nng_msg_body(seat->question), nng_msg_len(seat->question)};
    struct wire_message message;
    enum wire_fault fault = wire_decode(task->arena, bytes, &message);

    if (fault) {
        log_event(LOG_ERROR, "worker_speaks_nonsense", F("fault", wire_fault_name(fault)));
        send_away(seat, RETRY_MS);
    } else {
        serve(task, seat, &message);
    }
    nng_msg_free(seat->question);
    seat->question = NULL;
    seat->server->tasks--;
}

static void on_question(struct seat *seat, nng_msg *question)
{
    seat->question = question;
    seat->pipe = (uint32_t)nng_pipe_id(nng_msg_get_pipe(question));
    seat->step = SEAT_SERVING;
    if (task_spawn(serve_task, seat)) {
        seat->server->tasks++;
        return;
    }
    nng_msg_free(question);
    seat->question = NULL;
    send_away(seat, RETRY_MS);
}

static void on_step(void *arg)
{
    struct seat *seat = arg;
    int failed = nng_aio_result(seat->aio);
    bool was_answering = seat->step == SEAT_ANSWERING;

    if (was_answering)
        seat->server->answering--;
    if (was_answering && failed)
        nng_msg_free(nng_aio_get_msg(seat->aio));
    if (failed == NNG_ECLOSED || failed == NNG_ECANCELED || seat->server->closed) {
        if (!was_answering && !failed)
            nng_msg_free(nng_aio_get_msg(seat->aio));
        seat->step = SEAT_CLOSED;
        return;
    }
    if (was_answering || failed)
        receive(seat);
    else
        on_question(seat, nng_aio_get_msg(seat->aio));
}

/* On nng's thread. */
static void on_aio(void *arg)
{
    loop_post(on_step, arg);
}

/* -- Beginning and end ----------------------------------------------------------------------- */

static int open_seats(struct jobserver *server)
{
    for (size_t i = 0; i < SEATS; i++) {
        struct seat *seat = &server->seats[i];
        int failed = nng_ctx_open(&seat->context, server->socket);

        seat->server = server;
        if (!failed)
            failed = nng_aio_alloc(&seat->aio, on_aio, seat);
        if (failed)
            return failed;
        receive(seat);
    }
    return 0;
}

static int listen_on(struct jobserver *server, const char *url)
{
    nng_listener listener;
    int failed = nng_listener_create(&listener, server->socket, url);

    if (failed)
        return failed;
    if (strncmp(url, "ipc:", 4) == 0)
        nng_listener_setopt_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    else
        nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    return nng_listener_start(listener, 0);
}

struct jobserver *jobserver_start(struct gateway *gateway, struct slice url, const char **problem)
{
    struct jobserver *server = MEM_NEW(struct jobserver);
    struct arena *arena = arena_new();
    int failed = nng_rep0_open(&server->socket);

    server->gateway = gateway;
    server->parked_end = &server->parked;
    if (!failed)
        failed = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, WIRE_MAX_BYTES);
    if (!failed)
        failed = nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe_removed, server);
    if (!failed)
        failed = open_seats(server);
    if (!failed)
        failed = listen_on(server, arena_cstr(arena, url));
    arena_free(arena);
    if (failed) {
        *problem = nng_strerror(failed);
        jobserver_stop(server);
        return NULL;
    }
    timer_start(&server->look, LOOK_MS, on_look);
    return server;
}

/* What nng's threads posted has come home by the time this runs, and every fiber has ended. */
static void on_all_home(struct timer *timer)
{
    struct jobserver *server = CONTAINER_OF(timer, struct jobserver, look);

    if (server->tasks > 0) {
        timer_start(timer, CLOSE_LOOK_MS, on_all_home);
        return;
    }
    for (size_t i = 0; i < SEATS; i++)
        if (server->seats[i].aio)
            nng_aio_free(server->seats[i].aio);
    while (server->holds) {
        struct hold *hold = server->holds;

        server->holds = hold->next;
        mem_free(hold);
    }
    mem_free(server);
}

static void on_drained(struct timer *timer)
{
    struct jobserver *server = CONTAINER_OF(timer, struct jobserver, look);

    if (server->answering > 0 && clock_ms() < server->close_ms) {
        timer_start(timer, CLOSE_LOOK_MS, on_drained);
        return;
    }
    server->closed = true;
    for (size_t i = 0; i < SEATS; i++)
        if (server->seats[i].aio)
            nng_aio_stop(server->seats[i].aio);
    nng_close(server->socket);
    timer_start(timer, CLOSE_LOOK_MS, on_all_home);
}

void jobserver_stop(struct jobserver *server)
{
    server->stopping = true;
    server->close_ms = clock_ms() + STOP_WAIT_MS;
    while (server->parked) {
        struct seat *seat = server->parked;

        unpark(seat);
        answer_plain(seat, WIRE_DRAIN);
    }
    timer_start(&server->look, 1, on_drained);
}
