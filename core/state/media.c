#include "state/media.h"

#include "base/clock.h"
#include "base/json.h"
#include "state/blob.h"
#include "state/id.h"
#include "state/media_index.h"
#include "state/record.h"

#include <assert.h>

enum { CHANGES_MAX_BYTES = 4096, DELETE_TRIES = 5 };

static const struct slice prefix = SLICE_INIT("media_");

static const struct slice type_names[] = {
    [MEDIA_IMAGE] = SLICE_INIT("image"),
    [MEDIA_VIDEO] = SLICE_INIT("video"),
    [MEDIA_AUDIO] = SLICE_INIT("audio"),
    [MEDIA_DOCUMENT] = SLICE_INIT("document"),
};
static const struct slice status_names[] = {
    [MEDIA_PROCESSING] = SLICE_INIT("processing"),
    [MEDIA_READY] = SLICE_INIT("ready"),
    [MEDIA_FAILED] = SLICE_INIT("failed"),
};

#define TYPES (sizeof type_names / sizeof type_names[0])
#define STATUSES (sizeof status_names / sizeof status_names[0])

struct slice media_type_name(enum media_type type)
{
    assert(type < TYPES);
    return type_names[type];
}

bool media_type_parse(struct slice name, enum media_type *out)
{
    for (unsigned i = 0; i < TYPES; i++) {
        if (slice_eq(name, type_names[i])) {
            *out = (enum media_type)i;
            return true;
        }
    }
    return false;
}

struct slice media_status_name(enum media_status status)
{
    assert(status < STATUSES);
    return status_names[status];
}

static bool status_parse(struct slice name, enum media_status *out)
{
    for (unsigned i = 0; i < STATUSES; i++) {
        if (slice_eq(name, status_names[i])) {
            *out = (enum media_status)i;
            return true;
        }
    }
    return false;
}

/* -- The record ------------------------------------------------------------------------------- */

struct slice media_key(struct arena *arena, unsigned partition, struct slice id)
{
    return state_key(arena, partition, "media:%.*s", SLICE_ARG(id));
}

bool media_from_fields(struct arena *arena, struct slice id, unsigned partition,
                       const struct redis_value *fields, struct media *out)
{
    *out = (struct media){
        .id = id,
        .partition = partition,
        .owner = redis_field(fields, SLICE("owner")),
        .title = redis_field(fields, SLICE("title")),
        .description = redis_field(fields, SLICE("description")),
        .filename = redis_field(fields, SLICE("filename")),
        .mime_type = redis_field(fields, SLICE("mime")),
        .sha256 = redis_field(fields, SLICE("sha256")),
        .size = record_get_number(fields, SLICE("size")),
        .width = record_get_number(fields, SLICE("width")),
        .height = record_get_number(fields, SLICE("height")),
        .duration_ms = record_get_number(fields, SLICE("duration")),
        .is_public = record_get_flag(fields, SLICE("public")),
        .variants = (unsigned)record_get_number(fields, SLICE("variants")),
        .taken_ms = record_get_number(fields, SLICE("taken")),
        .metadata = redis_field(fields, SLICE("metadata")),
        .failure_code = redis_field(fields, SLICE("failure_code")),
        .failure_message = redis_field(fields, SLICE("failure_message")),
        .created_ms = record_get_number(fields, SLICE("created")),
        .updated_ms = record_get_number(fields, SLICE("updated")),
    };
    out->tags = record_split(arena, redis_field(fields, SLICE("tags")), &out->tag_count);
    return media_type_parse(redis_field(fields, SLICE("type")), &out->type) &&
           status_parse(redis_field(fields, SLICE("status")), &out->status);
}

/* What never changes, or only by its owner's hand. */
static void write_description(struct commit *commit, const struct media *media)
{
    struct arena *arena = commit_arena(commit);

    commit_write(commit, SLICE("HSET"), media_key(arena, media->partition, media->id),
                 SLICE("owner"), media->owner, SLICE("title"), media->title, SLICE("description"),
                 media->description, SLICE("filename"), media->filename, SLICE("mime"),
                 media->mime_type, SLICE("type"), type_names[media->type], SLICE("sha256"),
                 media->sha256, SLICE("size"), record_number(arena, media->size), SLICE("tags"),
                 record_join(arena, media->tags, media->tag_count), SLICE("public"),
                 record_flag(media->is_public), SLICE("created"),
                 record_number(arena, media->created_ms));
}

/* What workers find out. */
static void write_findings(struct commit *commit, const struct media *media)
{
    struct arena *arena = commit_arena(commit);

    commit_write(commit, SLICE("HSET"), media_key(arena, media->partition, media->id),
                 SLICE("status"), status_names[media->status], SLICE("width"),
                 record_number(arena, media->width), SLICE("height"),
                 record_number(arena, media->height), SLICE("duration"),
                 record_number(arena, media->duration_ms), SLICE("variants"),
                 record_number(arena, media->variants), SLICE("taken"),
                 record_number(arena, media->taken_ms), SLICE("metadata"), media->metadata,
                 SLICE("failure_code"), media->failure_code, SLICE("failure_message"),
                 media->failure_message, SLICE("updated"), record_number(arena, media->updated_ms));
}

static struct event media_event(enum event_type type, const struct media *media)
{
    return (struct event){.type = type,
                          .owner = media->owner,
                          .resource = media->id,
                          .resource_type = type_names[media->type]};
}

enum err media_create(struct task *task, struct state *state, struct media *media, struct job *job,
                      const struct once_claim *once)
{
    unsigned partition;
    bool known = id_parse(media->owner, SLICE("user_"), state->partitions, &partition);

    assert(known);
    media->partition = partition;
    media->id = id_new(task->arena, prefix, partition);
    media->created_ms = media->updated_ms = clock_unix_ms();

    struct commit *commit = commit_new(task, state, partition);
    struct event event = media_event(EVENT_MEDIA_UPLOADED, media);
    commit_require_absent(commit, media_key(task->arena, partition, media->id));
    once_settle(commit, once, media->id, media_key(task->arena, partition, media->id));
    commit_event(commit, &event);
    write_description(commit, media);
    write_findings(commit, media);
    media_index_add(commit, media);
    commit_write(commit, SLICE("INCRBY"), blob_key(task->arena, media->partition, media->sha256),
                 SLICE("1"));
    if (job) {
        job->media_id = media->id;
        job->owner = media->owner;
        job->sha256 = media->sha256;
        job_enqueue(commit, job);
    }
    return commit_send(commit);
}

enum err media_load(struct task *task, struct state *state, struct slice id, struct media *out)
{
    struct redis_value fields;
    unsigned partition;

    if (!id_parse(id, prefix, state->partitions, &partition))
        return ERR_NOT_FOUND;
    enum err err = state_command(task, state->durable, &fields, SLICE("HGETALL"),
                                 media_key(task->arena, partition, id));
    if (err != OK)
        return err;
    if (!fields.n)
        return ERR_NOT_FOUND;
    return media_from_fields(task->arena, arena_dup(task->arena, id), partition, &fields, out)
               ? OK
               : ERR_INTERNAL;
}

static bool same_tags(const struct media *a, const struct media *b)
{
    if (a->tag_count != b->tag_count)
        return false;
    for (size_t i = 0; i < a->tag_count; i++)
        if (!slice_eq(a->tags[i], b->tags[i]))
            return false;
    return true;
}

/* What subscribers show at once; the rest they read. */
static struct slice description_changes(struct arena *arena, const struct media *now)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "title", now->title);
    jw_flag(&w, "is_public", now->is_public);
    jw_object_end(&w);
    struct slice json = buf.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return json;
}

enum err media_update(struct task *task, struct state *state, const struct media *was,
                      struct media *now)
{
    struct slice key = media_key(task->arena, was->partition, was->id);
    struct commit *commit = commit_new(task, state, was->partition);
    struct event event = media_event(EVENT_MEDIA_UPDATED, now);

    now->updated_ms = clock_unix_ms();
    event.changes = description_changes(task->arena, now);
    commit_require_present(commit, key);
    commit_require_field(commit, key, SLICE("tags"),
                         record_join(task->arena, was->tags, was->tag_count));
    commit_event(commit, &event);
    write_description(commit, now);
    commit_write(commit, SLICE("HSET"), key, SLICE("updated"),
                 record_number(task->arena, now->updated_ms));
    if (!same_tags(was, now)) {
        media_index_remove(commit, was);
        media_index_add(commit, now);
    }
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT && commit_failed_check(commit) == 0 ? ERR_NOT_FOUND : err;
}

/* ERR_CONFLICT: its tags have changed, so its indexes are others. */
static enum err delete_once(struct task *task, struct state *state, const struct media *media)
{
    struct slice key = media_key(task->arena, media->partition, media->id);
    struct commit *commit = commit_new(task, state, media->partition);
    struct event event = media_event(EVENT_MEDIA_DELETED, media);

    commit_allow_full(commit);
    commit_require_present(commit, key);
    commit_require_field(commit, key, SLICE("tags"),
                         record_join(task->arena, media->tags, media->tag_count));
    commit_event(commit, &event);
    commit_write(commit, SLICE("DEL"), key);
    media_index_remove(commit, media);
    commit_write(commit, SLICE("UNREF"), blob_key(task->arena, media->partition, media->sha256));
    enum err err = commit_send(commit);
    return err == ERR_CONFLICT && commit_failed_check(commit) == 0 ? ERR_NOT_FOUND : err;
}

enum err media_delete(struct task *task, struct state *state, const struct media *media)
{
    struct media now = *media;
    enum err err = delete_once(task, state, &now);

    for (unsigned i = 1; i < DELETE_TRIES && err == ERR_CONFLICT; i++) {
        err = media_load(task, state, media->id, &now);
        if (err == OK)
            err = delete_once(task, state, &now);
    }
    return err == ERR_CONFLICT ? ERR_STATE_UNAVAILABLE : err;
}

/* What an event tells of a media when nothing else is said. */
static struct slice usual_changes(struct arena *arena, const struct media *media)
{
    struct json_writer w;
    struct buf buf;

    buf_init(&buf, CHANGES_MAX_BYTES);
    jw_init(&w, &buf);
    jw_object(&w);
    jw_str(&w, "status", status_names[media->status]);
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

enum err media_regenerate(struct task *task, struct state *state, const struct media *media,
                          unsigned lost, enum job_kind kind)
{
    struct arena *arena = task->arena;
    struct slice key = media_key(arena, media->partition, media->id);
    struct commit *commit = commit_new(task, state, media->partition);
    struct event event = media_event(EVENT_MEDIA_UPDATED, media);
    struct job job = {.kind = kind,
                      .lane = LANE_REGENERATION,
                      .media_id = media->id,
                      .owner = media->owner,
                      .sha256 = media->sha256};

    event.changes = usual_changes(arena, media);
    commit_require_field(commit, key, SLICE("variants"), record_number(arena, media->variants));
    commit_event(commit, &event);
    commit_write(commit, SLICE("HSET"), key, SLICE("variants"),
                 record_number(arena, media->variants & ~lost), SLICE("updated"),
                 record_number(arena, clock_unix_ms()));
    job_enqueue(commit, &job);
    return commit_send(commit);
}

/* -- Workers' results ------------------------------------------------------------------------- */

/* The parts that every result has in common; the fence is the first check. */
static enum err send_result(struct task *task, struct commit *commit, struct media *media,
                            enum event_type type, struct slice changes)
{
    struct event event = media_event(type, media);

    media->updated_ms = clock_unix_ms();
    event.changes = changes.n ? changes : usual_changes(task->arena, media);
    commit_allow_full(commit);
    commit_require_present(commit, media_key(task->arena, media->partition, media->id));
    commit_event(commit, &event);
    write_findings(commit, media);
    return commit_send(commit);
}

enum err media_finish(struct task *task, struct state *state, const struct media *changed,
                      enum event_type event, struct slice changes, const struct job *job,
                      struct job *next)
{
    struct commit *commit = commit_new(task, state, changed->partition);
    struct media media = *changed;

    job_complete(commit, job);
    if (next) {
        next->media_id = media.id;
        next->owner = media.owner;
        next->sha256 = media.sha256;
        job_enqueue(commit, next);
    }
    return send_result(task, commit, &media, event, changes);
}

enum err media_park(struct task *task, struct state *state, const struct job *job,
                    struct slice code, struct slice message)
{
    struct media media;
    enum err err = media_load(task, state, job->media_id, &media);

    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    struct commit *commit = commit_new(task, state, media.partition);
    bool fatal = job->kind != JOB_TRANSCODE;
    if (fatal)
        media.status = MEDIA_FAILED;
    media.failure_code = code;
    media.failure_message = message;
    job_park(commit, job, message);
    return send_result(task, commit, &media, fatal ? EVENT_MEDIA_FAILED : EVENT_MEDIA_UPDATED,
                       SLICE_NONE);
}

enum err media_processing(struct task *task, struct state *state, const struct job *job)
{
    struct media media;
    enum err err = media_load(task, state, job->media_id, &media);

    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    struct slice key = state_key(task->arena, job->partition, "job:%.*s", SLICE_ARG(job->id));
    struct commit *commit = commit_new(task, state, job->partition);
    struct event event = media_event(EVENT_MEDIA_PROCESSING, &media);
    event.changes = SLICE("{\"status\":\"processing\"}");
    commit_allow_full(commit);
    commit_require_field(commit, key, SLICE("lease"), job->lease);
    commit_require_field(commit, key, SLICE("announced"), SLICE(""));
    commit_event(commit, &event);
    commit_write(commit, SLICE("HSET"), key, SLICE("announced"), SLICE("1"));
    err = commit_send(commit);
    return err == ERR_CONFLICT && commit_failed_check(commit) == 1 ? OK : err;
}
