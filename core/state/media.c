#include "state/media.h"

#include "base/clock.h"
#include "base/json.h"
#include "state/blob.h"
#include "state/collection_members.h"
#include "state/id.h"
#include "state/job_kind.h"
#include "state/media_members.h"

#include <assert.h>

enum { CHANGES_MAX_BYTES = 4096 };

static struct event media_event(enum event_type type, const struct media *media)
{
    return (struct event){.type = type,
                          .owner = media->owner,
                          .resource = media->id,
                          .resource_type = media_type_name(media->type)};
}

static struct commit *creation(struct task *task, struct state *state, struct media *media,
                               struct job *job, const struct once_claim *once,
                               const struct usage_bound *bound, const struct media_companion *with)
{
    struct commit *commit = commit_new(task, state, media->partition);
    struct event event = media_event(EVENT_MEDIA_UPLOADED, media);

    usage_add(commit, media->owner, media->size, bound);
    record_create(commit, media);
    once_settle(commit, once, media->id, record_key(task->arena, media));
    commit_event(commit, &event);
    media_members_add(commit, media);
    collection_enter_all(commit, media);
    commit_write(commit, SLICE("INCRBY"), blob_key(task->arena, media->partition, media->sha256),
                 SLICE("1"));
    if (job) {
        job->subject_id = media->id;
        job->cost_ms = job_kind_cost_ms(job->kind, media);
        job->owner = media->owner;
        job->sha256 = media->sha256;
        job_enqueue(commit, job);
    }
    if (with)
        with->add(commit, media, with->arg);
    return commit;
}

enum err media_create(struct task *task, struct state *state, struct media *media, struct job *job,
                      const struct once_claim *once, const struct usage_bound *bound)
{
    return media_create_with(task, state, media, job, once, bound, NULL);
}

enum err media_create_with(struct task *task, struct state *state, struct media *media,
                           struct job *job, const struct once_claim *once,
                           const struct usage_bound *bound, const struct media_companion *with)
{
    bool known = id_parse(media->owner, SLICE("user_"), state->partitions, &media->partition);
    struct usage_bound unclaimed = bound ? *bound : (struct usage_bound){.claim = SLICE_NONE};
    struct usage used;

    assert(known);
    (void)known;
    media->id = id_new(task->arena, SLICE("media_"), media->partition);
    media->created_ms = media->updated_ms = clock_unix_ms();

    struct commit *commit = creation(task, state, media, job, once, bound, with);
    enum err err = commit_send(commit);
    if (err != ERR_CONFLICT || !usage_is_unknown(commit))
        return err;
    unclaimed.claim = SLICE_NONE;
    err = usage_load(task, state, media->owner, &used);
    return err == OK ? commit_send(creation(task, state, media, job, once, &unclaimed, with)) : err;
}

enum err media_load(struct task *task, struct state *state, struct slice id, struct media *out)
{
    *out = (struct media){.id = id};
    return record_load(task, state, out);
}

/* -- The owner's hand ------------------------------------------------------------------------- */

static bool same_texts(const struct slice *a, size_t a_n, const struct slice *b, size_t b_n)
{
    for (size_t i = 0; a_n == b_n && i < a_n; i++)
        if (!slice_eq(a[i], b[i]))
            return false;
    return a_n == b_n;
}

struct change {
    media_change_fn *fn;
    void *arg;
};

static enum err change_media(struct commit *commit, const void *before, void *record, void *arg)
{
    const struct change *change = arg;
    const struct media *was = before;
    struct media *now = record;
    enum err err = change->fn(now, change->arg);

    if (err != OK)
        return err;
    if (now->is_public != was->is_public)
        collection_show_all(commit, now);
    now->updated_ms = clock_unix_ms();
    struct event event = media_event(EVENT_MEDIA_UPDATED, now);
    event.changes =
        event_changes_described(commit_arena(commit), "title", now->title, now->is_public);
    commit_event(commit, &event);
    return OK;
}

enum err media_change(struct task *task, struct state *state, struct slice id, media_change_fn *fn,
                      void *arg, struct media *out)
{
    struct change change = {fn, arg};

    *out = (struct media){.id = id};
    return record_change(task, state, out, change_media, &change);
}

struct deletion {
    struct slice id;
    struct change judge;
};

static enum err delete_once(struct task *task, struct state *state, void *arg)
{
    const struct deletion *deletion = arg;
    struct media found = {.id = deletion->id}, *media = &found;
    enum err err = record_load(task, state, media);

    if (err == OK)
        err = deletion->judge.fn(media, deletion->judge.arg);
    if (err != OK)
        return err;
    struct commit *commit = commit_new(task, state, media->partition);
    struct event event = media_event(EVENT_MEDIA_DELETED, media);
    commit_allow_full(commit);
    commit_event(commit, &event);
    record_remove(commit, media);
    job_end_all(commit, media->id);
    media_members_remove(commit, media);
    collection_leave_all(commit, media);
    usage_remove(commit, media->owner, media->size);
    commit_write(commit, SLICE("UNREF"), blob_key(task->arena, media->partition, media->sha256));
    return commit_send(commit);
}

enum err media_delete(struct task *task, struct state *state, struct slice id, media_change_fn *fn,
                      void *arg)
{
    struct deletion deletion = {id, {fn, arg}};

    return record_repeat(task, state, delete_once, &deletion);
}

/* What an event tells of a media when nothing else is said. */
static struct slice usual_changes(struct arena *arena, const struct media *media)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "status", media_status_name(media->status));
    if (media->width && media->height) {
        jw_int(&w, "width", (int64_t)media->width);
        jw_int(&w, "height", (int64_t)media->height);
    }
    if (media->failure_code.n)
        jw_str(&w, "failure", media->failure_code);
    jw_object_end(&w);
    struct slice json = buf.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
}

/* -- Regeneration ----------------------------------------------------------------------------- */

struct regeneration {
    const struct media *seen;
    struct slice *variants;
    size_t n;
    enum job_kind kind;
};

static enum err regenerate(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct regeneration *regeneration = arg;
    const struct media *seen = regeneration->seen;
    struct media *now = record;

    if (!same_texts(now->variants, now->variant_count, seen->variants, seen->variant_count))
        return ERR_CONFLICT;
    struct job job = {.kind = regeneration->kind,
                      .lane = LANE_REGENERATION,
                      .cost_ms = job_kind_cost_ms(regeneration->kind, now),
                      .subject_id = now->id,
                      .owner = now->owner,
                      .sha256 = now->sha256};
    struct event event = media_event(EVENT_MEDIA_UPDATED, now);
    event.changes = usual_changes(commit_arena(commit), now);
    commit_event(commit, &event);
    job_enqueue(commit, &job);
    now->variants = regeneration->variants;
    now->variant_count = regeneration->n;
    now->updated_ms = clock_unix_ms();
    return OK;
}

enum err media_regenerate(struct task *task, struct state *state, const struct media *media,
                          struct slice *variants, size_t n, enum job_kind kind)
{
    struct regeneration regeneration = {media, variants, n, kind};
    struct media now = {.id = media->id};

    return record_change(task, state, &now, regenerate, &regeneration);
}

/* -- Workers' results ------------------------------------------------------------------------- */

static void add_result_event(struct commit *commit, struct media *now, enum event_type type,
                             struct slice changes)
{
    now->updated_ms = clock_unix_ms();
    struct event event = media_event(type, now);
    event.changes = changes.n ? changes : usual_changes(commit_arena(commit), now);
    commit_allow_full(commit);
    commit_event(commit, &event);
}

struct finish {
    const struct job *job;
    media_result_fn *fn;
    void *arg;
};

static enum err finish(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct finish *finish = arg;
    struct media *now = record;
    struct media_outcome outcome = finish->fn(now, finish->arg);
    struct job *next = outcome.next;

    job_complete(commit, finish->job);
    if (next) {
        next->subject_id = now->id;
        next->cost_ms = job_kind_cost_ms(next->kind, now);
        next->owner = now->owner;
        next->sha256 = now->sha256;
        job_enqueue(commit, next);
    }
    add_result_event(commit, now, outcome.event, outcome.changes);
    return OK;
}

enum err media_finish(struct task *task, struct state *state, const struct job *job,
                      media_result_fn *fn, void *arg)
{
    struct finish how = {job, fn, arg};
    struct media now = {.id = job->subject_id};

    return record_change(task, state, &now, finish, &how);
}

struct parking {
    struct task *task;
    struct state *state;
    const struct job *job;
    struct slice code, message, log;
};

static enum err park(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct parking *parking = arg;
    struct media *now = record;
    /* What was made once serves on. */
    bool of_rendition = job_kind_row(parking->job->kind)->loss == LOSS_RENDITION;
    bool fatal = !of_rendition && now->status != MEDIA_READY;
    struct job held;
    enum err err = job_load_held(parking->task, parking->state, parking->job, &held);

    if (err != OK)
        return err;
    if (fatal)
        now->status = MEDIA_FAILED;
    now->rendition_failed = now->rendition_failed || of_rendition;
    now->failure_code = parking->code;
    now->failure_message = parking->message;
    job_park(commit, &held, parking->code, parking->message, parking->log);
    add_result_event(commit, now, fatal ? EVENT_MEDIA_FAILED : EVENT_MEDIA_UPDATED, SLICE_NONE);
    return OK;
}

enum err media_park(struct task *task, struct state *state, const struct job *job,
                    struct slice code, struct slice message, struct slice log)
{
    struct parking parking = {task, state, job, code, message, log};
    struct media now = {.id = job->subject_id};
    enum err err = record_change(task, state, &now, park, &parking);

    return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
}

struct retrial {
    struct task *task;
    struct state *state;
    struct slice job_id;
};

static enum err retry(struct commit *commit, const void *was, void *record, void *arg)
{
    const struct retrial *retrial = arg;
    struct job job = {.id = retrial->job_id};
    struct media *now = record;
    enum err err = record_load(retrial->task, retrial->state, &job);

    if (err == OK && job.state != JOB_PARKED)
        err = ERR_CONFLICT;
    if (err != OK)
        return err;
    if (now->status == MEDIA_FAILED)
        now->status = MEDIA_PROCESSING;
    now->rendition_failed = false;
    now->failure_code = now->failure_message = SLICE_NONE;
    job_unpark(commit, &job);
    add_result_event(commit, now, EVENT_MEDIA_UPDATED, SLICE_NONE);
    return OK;
}

enum err media_retry(struct task *task, struct state *state, struct slice job_id)
{
    struct retrial retrial = {task, state, job_id};
    struct job job = {.id = job_id};
    enum err err = record_load(task, state, &job);
    struct media now = {.id = job.subject_id};

    return err == OK ? record_change(task, state, &now, retry, &retrial) : err;
}

static enum err announce_once(struct task *task, struct state *state, void *arg)
{
    const struct job *job = arg;
    struct media media = {.id = job->subject_id};
    struct job held, told;
    enum err err = job_load_held(task, state, job, &held);

    if (err != OK || held.announced)
        return err;
    err = record_load(task, state, &media);
    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    struct commit *commit = commit_new(task, state, held.partition);
    struct event event = media_event(EVENT_MEDIA_PROCESSING, &media);
    event.changes = SLICE("{\"status\":\"processing\"}");
    commit_allow_full(commit);
    commit_event(commit, &event);
    told = held;
    told.announced = true;
    record_save(commit, &held, &told);
    return commit_send(commit);
}

enum err media_processing(struct task *task, struct state *state, const struct job *job)
{
    struct job copy = *job;

    return record_repeat(task, state, announce_once, &copy);
}
