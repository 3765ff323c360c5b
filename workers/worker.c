#include "workers/worker.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store.h"
#include "workers/link.h"
#include "workers/work.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_GATEWAYS = 32,
    PULL_LIMIT_MS = 35000, /* the gateway holds a `ready` for 25 s */
    TALK_LIMIT_MS = 6000,
    LAST_TALK_LIMIT_MS = 500,
    RETRY_MS = 300,
    BEAT_MS = 5000,    /* a lease is 15 s */
    LOOK_MS = 500,     /* new percentages go out twice a second at most */
    REPORT_TRIES = 20, /* of telling a result, RETRY_MS apart and longer */
    BRIEF_PART = 4,    /* what takes a fourth of a long job passes it */
};

/* Kinds that let others pass, as bits. */
static const unsigned yielding = 0
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, result, next, loss, yields,    \
                 measure, cost, deadline)                                                          \
    | ((yields) ? 1u << WIRE_KIND_##NAME : 0u)
#include "jobs.def"
#undef JOB_KIND
    ;

struct pull {
    struct worker *worker;
    struct link *link;
    struct fiber_wait idle; /* for the worker to be free */
};

struct worker {
    unsigned kinds; /* 1 << WIRE_KIND_* */
    bool sandbox_off;
    struct store *store;
    struct decoders *decoders;
    struct lane *lanes[2]; /* of what is done, and of what passes a conversion */
    struct reader_user user;
    char name[64], boot[33];
    uint64_t sequence;
    struct pull pulls[MAX_GATEWAYS];
    size_t n, running; /* pulls, and those whose fiber lives */
    struct work *work; /* what is done now, or NULL */
    bool busy, stopping;
    /* A conversion beside that, until its result is told. */
    bool long_busy;
    struct work *long_work;    /* NULL: it is over */
    uint64_t brief_ms;         /* what takes no longer passes it, */
    uint64_t interruptible_ms; /* from this time (clock_ms()) on */
    unsigned wishes;           /* counts changes of what is asked for */
    void (*on_end)(void *arg);
    void *on_end_arg;
};

/* ---- a job ---- */

/* A job at work. */
struct seat {
    struct work work;
    struct pull *pull;
    bool aside; /* it has left the worker free for others */
};

struct beat {
    struct link *link;
    enum link_lane lane;
    struct work *work;
    struct fiber_wait finish, over;
};

/* Tells the gateway that the work goes on, and hears whether it still should. */
static void keep_beating(struct task *task, void *arg)
{
    struct beat *beat = arg;
    unsigned told = 0;
    uint64_t told_ms = clock_ms();

    while (fiber_await(&beat->finish, LOOK_MS) == FIBER_TIMEOUT) {
        if (beat->work->percent == told && clock_ms() - told_ms < BEAT_MS)
            continue;
        struct wire_message answer,
            question = {.type = WIRE_PROGRESS,
                        .progress = {beat->work->job->lease, beat->work->percent}};

        told = beat->work->percent;
        told_ms = clock_ms();
        if (link_ask(task, beat->link, beat->lane, &question, TALK_LIMIT_MS, &answer) &&
            answer.type == WIRE_CANCEL)
            work_cancel(beat->work);
        arena_reset(task->arena);
    }
    fiber_resume(&beat->over);
}

/* False: the gateway no longer wants the job, or cannot be reached. */
static bool accept_job(struct task *task, struct link *link, const struct wire_job *job)
{
    struct wire_message answer, question = {.type = WIRE_ACCEPTED, .accepted = {job->lease}};

    return link_ask(task, link, LINK_PULL, &question, TALK_LIMIT_MS, &answer) &&
           answer.type == WIRE_GO_ON;
}

/* At the end nobody waits long for a gateway that may end in the same moment. */
static uint64_t talk_limit_ms(const struct worker *worker)
{
    return worker->stopping ? LAST_TALK_LIMIT_MS : TALK_LIMIT_MS;
}

/* A result is told until it is noted or refused; should nobody hear it, the lease runs out and the
 * job is done again. */
static void report(struct task *task, struct worker *worker, struct link *link, enum link_lane lane,
                   const struct wire_message *result)
{
    for (int i = 0; i < REPORT_TRIES; i++) {
        struct wire_message answer;
        bool heard = link_ask(task, link, lane, result, talk_limit_ms(worker), &answer);

        if (heard && answer.type != WIRE_AGAIN)
            return;
        if (worker->stopping)
            return;
        fiber_sleep(RETRY_MS);
    }
    log_event(LOG_WARN, "result_not_heard", F("gateway", link_url(link)));
}

static struct wire_message failure(const struct wire_job *job, const struct work *work)
{
    return (struct wire_message){.type = WIRE_FAILED,
                                 .failed = {job->lease, work->reason, work->message, work->log,
                                            work->retryable, work->counts}};
}

static bool yields(enum wire_kind kind)
{
    return yielding & 1u << kind;
}

static struct wire_message tell_outcome(const struct seat *seat, bool fine, uint64_t took_ms)
{
    const struct wire_job *job = seat->work.job;

    if (!fine) {
        log_event(LOG_WARN, "job_failed", F("job", job->id), F("kind", wire_kind_name(job->kind)),
                  F("media", job->media), F("reason", wire_reason_name(seat->work.reason)),
                  F("message", seat->work.message), F("took_ms", (long long)took_ms));
        return failure(job, &seat->work);
    }
    log_event(LOG_INFO, "job_done", F("job", job->id), F("kind", wire_kind_name(job->kind)),
              F("media", job->media), F("took_ms", (long long)took_ms));
    return (struct wire_message){
        .type = WIRE_DONE,
        .done = {job->lease, seat->work.made, seat->work.made_count, seat->work.results}};
}

/* Of two conversions the shorter one runs, and then the other for as long at least. */
static void pause_long(struct worker *worker, bool pause, uint64_t for_ms)
{
    if (!worker->long_work)
        return;
    worker->long_work->paused = pause;
    if (!pause)
        worker->interruptible_ms = clock_ms() + for_ms;
}

static struct wire_message do_work(struct task *task, struct seat *seat)
{
    struct worker *worker = seat->pull->worker;
    struct beat beat = {.link = seat->pull->link, .lane = LINK_TALK, .work = &seat->work};
    uint64_t started_ms = clock_ms();
    bool passes = worker->long_busy && yields(seat->work.job->kind);

    if (seat->work.on_converting)
        beat.lane = LINK_LONG_TALK;
    bool beating = task_spawn(keep_beating, &beat);
    worker->work = &seat->work;
    if (passes)
        pause_long(worker, true, 0);
    bool fine = work_run(task, &seat->work);
    *(seat->aside ? &worker->long_work : &worker->work) = NULL;
    if (passes)
        pause_long(worker, false, clock_ms() - started_ms);
    fiber_resume(&beat.finish);
    link_cancel(beat.link, beat.lane);
    if (beating)
        fiber_await(&beat.over, FIBER_FOREVER);
    return tell_outcome(seat, fine, clock_ms() - started_ms);
}

/* ---- pulling ---- */

static void take_back_others(struct worker *worker, const struct pull *mine)
{
    for (size_t i = 0; i < worker->n; i++) {
        if (&worker->pulls[i] != mine)
            link_cancel(worker->pulls[i].link, LINK_PULL);
    }
}

static void wake_others(struct worker *worker)
{
    for (size_t i = 0; i < worker->n; i++)
        fiber_resume(&worker->pulls[i].idle);
}

/* Two gateways can answer in the same moment; the second one gets its job back at once. */
static void refuse_job(struct task *task, struct pull *pull, const struct wire_job *job)
{
    struct work nothing = {
        .reason = WIRE_REASON_BUSY, .message = SLICE("Another job was faster."), .retryable = true};
    struct wire_message answer, question = failure(job, &nothing);

    link_ask(task, pull->link, LINK_PULL, &question, talk_limit_ms(pull->worker), &answer);
}

static void keep_pulling(struct task *task, void *arg);

/* All that is asked for is asked for anew. */
static void change_wish(struct worker *worker)
{
    worker->wishes++;
    for (size_t i = 0; i < worker->n && !worker->busy; i++)
        link_cancel(worker->pulls[i].link, LINK_PULL);
    wake_others(worker);
}

/* A long job needs no decoder any more: another fiber goes on asking. */
static void step_aside(struct work *work)
{
    struct seat *seat = CONTAINER_OF(work, struct seat, work);
    struct worker *worker = seat->pull->worker;

    if (worker->stopping || !task_spawn(keep_pulling, seat->pull))
        return;
    worker->running++;
    seat->aside = true;
    worker->busy = false;
    worker->work = NULL;
    worker->long_busy = true;
    worker->long_work = work;
    worker->brief_ms = work->job->cost_ms / BRIEF_PART;
    worker->interruptible_ms = clock_ms();
    change_wish(worker);
}

static bool has_room(const struct worker *worker, const struct wire_job *job)
{
    return !worker->busy && !worker->stopping &&
           (!worker->long_busy || !yields(job->kind) || job->cost_ms <= worker->brief_ms);
}

static void finish_job(struct task *task, struct seat *seat, const struct wire_message *result)
{
    struct worker *worker = seat->pull->worker;

    FAULT_POINT(RESULT_BEFORE_REPORT);
    report(task, worker, seat->pull->link, seat->aside ? LINK_LONG : LINK_PULL, result);
    FAULT_POINT(RESULT_AFTER_REPORT);
    if (seat->aside)
        worker->long_busy = false;
}

/* False: another fiber has gone on asking in this one's place. */
static bool take_job(struct task *task, struct pull *pull, const struct wire_job *job)
{
    struct worker *worker = pull->worker;
    struct seat seat = {.work = {.job = job,
                                 .store = worker->store,
                                 .decoders = worker->decoders,
                                 .lane = worker->lanes[worker->long_busy],
                                 .user = &worker->user,
                                 .sandbox_off = worker->sandbox_off},
                        .pull = pull};

    if (!has_room(worker, job)) {
        refuse_job(task, pull, job);
        return true;
    }
    if (yields(job->kind) && !worker->long_busy)
        seat.work.on_converting = step_aside;
    worker->busy = true;
    take_back_others(worker, pull);
    bool accepted = accept_job(task, pull->link, job);
    if (accepted && worker->stopping) {
        refuse_job(task, pull, job);
    } else if (accepted) {
        struct wire_message result = do_work(task, &seat);

        finish_job(task, &seat, &result);
    }
    if (seat.aside) {
        change_wish(worker);
    } else {
        worker->busy = false;
        wake_others(worker);
    }
    return !seat.aside;
}

/* After the `ready` was cancelled: the gateway must not offer a job to nobody. */
static void say_busy(struct task *task, struct pull *pull)
{
    struct worker *worker = pull->worker;
    struct wire_message answer,
        question = {.type = WIRE_BUSY,
                    .busy = {slice_from(worker->name), slice_from(worker->boot), worker->sequence}};

    link_ask(task, pull->link, LINK_TALK, &question, TALK_LIMIT_MS, &answer);
}

static void nap(struct worker *worker, uint64_t ms)
{
    if (!worker->stopping)
        fiber_sleep(ms);
}

/* What is asked for now, and for how long. */
static struct wire_ready wish(struct worker *worker, uint64_t *limit_ms)
{
    struct wire_ready ready = {.worker = slice_from(worker->name),
                               .boot = slice_from(worker->boot),
                               .sequence = ++worker->sequence,
                               .kinds = worker->kinds,
                               .hold = decoders_hold(worker->decoders)};
    uint64_t now_ms = clock_ms();

    *limit_ms = PULL_LIMIT_MS;
    if (!worker->long_busy)
        return ready;
    if (now_ms >= worker->interruptible_ms) {
        ready.has_brief_ms = true;
        ready.brief_ms = worker->brief_ms;
        return ready;
    }
    ready.kinds &= ~yielding;
    if (worker->interruptible_ms - now_ms < PULL_LIMIT_MS)
        *limit_ms = worker->interruptible_ms - now_ms;
    return ready;
}

/* False: another fiber pulls now. */
static bool pull_once(struct task *task, struct pull *pull)
{
    struct worker *worker = pull->worker;
    uint64_t limit_ms;

    if (!decoders_wait_ready(worker->decoders) || worker->stopping || worker->busy)
        return true; /* it may have changed meanwhile */
    unsigned wishes = worker->wishes;
    struct wire_message answer, question = {.type = WIRE_READY, .ready = wish(worker, &limit_ms)};
    bool heard = link_ask(task, pull->link, LINK_PULL, &question, limit_ms, &answer);

    if (!heard && worker->busy)
        say_busy(task, pull);
    else if (!heard && (wishes != worker->wishes || limit_ms < PULL_LIMIT_MS))
        return true;
    else if (!heard)
        nap(worker, RETRY_MS); /* NOLINT(bugprone-branch-clone): two reasons, each in its place */
    else if (answer.type == WIRE_JOB)
        return take_job(task, pull, &answer.job);
    else if (answer.type == WIRE_NONE && answer.none.wait_ms)
        nap(worker, answer.none.wait_ms);
    else if (answer.type != WIRE_NONE)
        nap(worker, RETRY_MS); /* drain: another gateway may take its place */
    return true;
}

static void close_places(struct worker *worker)
{
    for (size_t i = 0; i < worker->n; i++)
        link_close(worker->pulls[i].link);
    for (size_t i = 0; i < 2; i++)
        if (worker->lanes[i])
            lane_close(worker->lanes[i]);
    if (worker->store)
        store_close(worker->store);
}

static void finish_stop(struct task *task, struct worker *worker)
{
    void (*on_end)(void *arg) = worker->on_end;
    void *arg = worker->on_end_arg;

    decoders_stop(task, worker->decoders);
    close_places(worker);
    mem_free(worker);
    on_end(arg);
}

static void keep_pulling(struct task *task, void *arg)
{
    struct pull *pull = arg;
    struct worker *worker = pull->worker;
    bool goes_on = true;

    while (goes_on && !worker->stopping) {
        arena_reset(task->arena);
        if (worker->busy) {
            pull->idle = (struct fiber_wait){0};
            fiber_await(&pull->idle, FIBER_FOREVER);
        } else {
            goes_on = pull_once(task, pull);
        }
    }
    if (--worker->running == 0)
        finish_stop(task, worker);
}

/* ---- start and stop ---- */

static char *problem_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *problem_text(const char *format, ...)
{
    enum { MAX_BYTES = 500 };
    char *text = mem_alloc(MAX_BYTES);
    va_list args;

    va_start(args, format);
    vsnprintf(text, MAX_BYTES, format, args);
    va_end(args);
    return text;
}

static void name_worker(struct worker *worker)
{
    uint64_t chance[2];

    random_bytes(chance, sizeof(chance));
    snprintf(worker->boot, sizeof(worker->boot), "%016" PRIx64 "%016" PRIx64, chance[0], chance[1]);
    snprintf(worker->name, sizeof(worker->name), "worker-%d-%.8s", (int)getpid(), worker->boot);
}

static bool open_links(struct worker *worker, struct slice urls, char **problem)
{
    struct slice url;

    while (slice_split(urls, ',', &url, &urls)) {
        const char *why = "there are too many";
        struct link *link = worker->n < MAX_GATEWAYS ? link_open(url, &why) : NULL;

        if (!link) {
            *problem = problem_text("Cannot use %.*s as a job server: %s", SLICE_ARG(url), why);
            return false;
        }
        worker->pulls[worker->n++] = (struct pull){.worker = worker, .link = link};
    }
    return true;
}

static bool parse_kinds(struct slice names, unsigned *kinds)
{
    struct slice name;

    *kinds = 0;
    while (slice_split(names, ',', &name, &names)) {
        unsigned kind = 0;

        while (kind < WIRE_KIND_COUNT &&
               !slice_eq(slice_trim(name), wire_kind_name((enum wire_kind)kind)))
            kind++;
        if (kind == WIRE_KIND_COUNT)
            return false;
        *kinds |= 1u << kind;
    }
    return *kinds != 0;
}

/* Some of it only root can: read the store's mark, the file of the memory that all share. */
static bool open_places(struct worker *worker, const struct worker_settings *settings,
                        char **problem)
{
    worker->store = store_join(settings->store, problem);
    for (size_t i = 0; worker->store && i < 2; i++)
        worker->lanes[i] = lane_open(settings->data, settings->memory_bytes);
    return worker->store;
}

struct worker *worker_start(const struct worker_settings *settings, char **problem)
{
    enum { PROBLEM_BYTES = 200 };
    struct worker *worker = MEM_NEW(struct worker);

    name_worker(worker);
    worker->sandbox_off = settings->sandbox_off;
    if (!parse_kinds(settings->kinds, &worker->kinds)) {
        *problem = mem_alloc(PROBLEM_BYTES);
        snprintf(*problem, PROBLEM_BYTES, "\"%.*s\" is no list of kinds of jobs",
                 SLICE_ARG(settings->kinds));
        mem_free(worker);
        return NULL;
    }
    const char *why;
    if (!reader_user_find(settings->user, &worker->user, &why)) {
        *problem = problem_text("%s", why);
        mem_free(worker);
        return NULL;
    }
    bool opened = open_places(worker, settings, problem);
    if (opened)
        reader_user_become(&worker->user, worker->store, settings->store);
    if (!opened || !open_links(worker, settings->urls, problem)) {
        close_places(worker);
        mem_free(worker);
        return NULL;
    }
    worker->decoders = decoders_start(&worker->user);
    for (size_t i = 0; i < worker->n; i++) {
        bool spawned = task_spawn(keep_pulling, &worker->pulls[i]);

        assert(spawned); /* nothing else runs yet */
        (void)spawned;
        worker->running++;
    }
    return worker;
}

void worker_stop(struct worker *worker, void (*on_end)(void *arg), void *arg)
{
    worker->stopping = true;
    worker->on_end = on_end;
    worker->on_end_arg = arg;
    if (worker->work)
        work_cancel(worker->work);
    if (worker->long_work)
        work_cancel(worker->long_work);
    for (size_t i = 0; i < worker->n; i++) {
        if (!worker->busy)
            link_cancel(worker->pulls[i].link, LINK_PULL);
        fiber_resume(&worker->pulls[i].idle);
    }
}
