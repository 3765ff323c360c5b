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
};

struct pull {
    struct worker *worker;
    struct link *link;
    struct fiber_wait idle; /* for the worker to be free */
};

struct worker {
    unsigned kinds; /* 1 << WIRE_KIND_* */
    bool sandbox_off;
    struct store *store;
    struct decoder *decoder;
    char name[64], boot[33];
    uint64_t sequence;
    struct pull pulls[MAX_GATEWAYS];
    size_t n, running; /* pulls, and those whose fiber lives */
    struct work *work; /* what is done now, or NULL */
    bool busy, stopping;
    void (*on_end)(void *arg);
    void *on_end_arg;
};

/* ---- a job ---- */

struct beat {
    struct link *link;
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
        if (link_ask(task, beat->link, LINK_TALK, &question, TALK_LIMIT_MS, &answer) &&
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
static void report(struct task *task, struct worker *worker, struct link *link,
                   const struct wire_message *result)
{
    for (int i = 0; i < REPORT_TRIES; i++) {
        struct wire_message answer;
        bool heard = link_ask(task, link, LINK_PULL, result, talk_limit_ms(worker), &answer);

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

static struct wire_message do_work(struct task *task, struct worker *worker, struct link *link,
                                   const struct wire_job *job)
{
    struct work work = {.job = job,
                        .store = worker->store,
                        .decoder = worker->decoder,
                        .sandbox_off = worker->sandbox_off};
    struct beat beat = {.link = link, .work = &work};
    uint64_t started_ms = clock_ms();
    bool beating = task_spawn(keep_beating, &beat);

    worker->work = &work;
    bool fine = work_run(task, &work);
    worker->work = NULL;
    fiber_resume(&beat.finish);
    link_cancel(link, LINK_TALK);
    if (beating)
        fiber_await(&beat.over, FIBER_FOREVER);
    if (!fine) {
        log_event(LOG_WARN, "job_failed", F("job", job->id), F("kind", wire_kind_name(job->kind)),
                  F("media", job->media), F("reason", wire_reason_name(work.reason)),
                  F("message", work.message));
        return failure(job, &work);
    }
    log_event(LOG_INFO, "job_done", F("job", job->id), F("kind", wire_kind_name(job->kind)),
              F("media", job->media), F("took_ms", (long long)(clock_ms() - started_ms)));
    return (struct wire_message){.type = WIRE_DONE, .done = {job->lease, work.results}};
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

static void take_job(struct task *task, struct pull *pull, const struct wire_job *job)
{
    struct worker *worker = pull->worker;

    if (worker->busy || worker->stopping) {
        refuse_job(task, pull, job);
        return;
    }
    worker->busy = true;
    take_back_others(worker, pull);
    bool accepted = accept_job(task, pull->link, job);
    if (accepted && worker->stopping) {
        refuse_job(task, pull, job);
    } else if (accepted) {
        struct wire_message result = do_work(task, worker, pull->link, job);

        FAULT_POINT(RESULT_BEFORE_REPORT);
        report(task, worker, pull->link, &result);
        FAULT_POINT(RESULT_AFTER_REPORT);
    }
    worker->busy = false;
    wake_others(worker);
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

static void pull_once(struct task *task, struct pull *pull)
{
    struct worker *worker = pull->worker;

    if (!decoder_wait_ready(worker->decoder) || worker->stopping || worker->busy)
        return; /* it may have changed meanwhile */
    struct wire_message answer,
        question = {.type = WIRE_READY,
                    .ready = {slice_from(worker->name), slice_from(worker->boot),
                              ++worker->sequence, worker->kinds, decoder_hold(worker->decoder)}};
    bool heard = link_ask(task, pull->link, LINK_PULL, &question, PULL_LIMIT_MS, &answer);

    if (!heard && worker->busy)
        say_busy(task, pull);
    else if (!heard)
        nap(worker, RETRY_MS); /* NOLINT(bugprone-branch-clone): two reasons, each in its place */
    else if (answer.type == WIRE_JOB)
        take_job(task, pull, &answer.job);
    else if (answer.type == WIRE_NONE && answer.none.wait_ms)
        nap(worker, answer.none.wait_ms);
    else if (answer.type != WIRE_NONE)
        nap(worker, RETRY_MS); /* drain: another gateway may take its place */
}

static void finish_stop(struct task *task, struct worker *worker)
{
    void (*on_end)(void *arg) = worker->on_end;
    void *arg = worker->on_end_arg;

    decoder_stop(task, worker->decoder);
    for (size_t i = 0; i < worker->n; i++)
        link_close(worker->pulls[i].link);
    store_close(worker->store);
    mem_free(worker);
    on_end(arg);
}

static void keep_pulling(struct task *task, void *arg)
{
    struct pull *pull = arg;
    struct worker *worker = pull->worker;

    while (!worker->stopping) {
        arena_reset(task->arena);
        if (worker->busy) {
            pull->idle = (struct fiber_wait){0};
            fiber_await(&pull->idle, FIBER_FOREVER);
        } else {
            pull_once(task, pull);
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
    worker->store = store_join(settings->store, problem);
    if (!worker->store || !open_links(worker, settings->urls, problem)) {
        for (size_t i = 0; i < worker->n; i++)
            link_close(worker->pulls[i].link);
        if (worker->store)
            store_close(worker->store);
        mem_free(worker);
        return NULL;
    }
    worker->decoder = decoder_start();
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
    for (size_t i = 0; i < worker->n; i++) {
        if (!worker->busy)
            link_cancel(worker->pulls[i].link, LINK_PULL);
        fiber_resume(&worker->pulls[i].idle);
    }
}
