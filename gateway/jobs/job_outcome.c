#include "gateway/jobs/job_outcome.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "state/blob.h"
#include "state/id.h"
#include "state/job_kind.h"
#include "state/media.h"
#include "state/pulse.h"
#include "store/store_content.h"

#include <assert.h>

_Static_assert((int)JOB_KIND_COUNT == (int)WIRE_KIND_COUNT, "one table numbers them for both");
_Static_assert((int)VARIANT_THUMBNAIL == (int)WIRE_PRODUCT_THUMBNAIL &&
                   (int)VARIANT_RENDITION == (int)WIRE_PRODUCT_RENDITION &&
                   (int)VARIANT_MASK == (int)WIRE_PRODUCT_MASK,
               "products are numbered alike in the store and on the wire");
_Static_assert((int)MEDIA_IMAGE == (int)WIRE_NATURE_IMAGE &&
                   (int)MEDIA_VIDEO == (int)WIRE_NATURE_VIDEO &&
                   (int)MEDIA_AUDIO == (int)WIRE_NATURE_AUDIO,
               "types are numbered alike in state and on the wire");

enum {
    /* 200 megapixel phones and wide panoramas pass, claims of 64250 x 64250 do not. */
    MAX_PIXELS = 270 * 1000 * 1000,
    METADATA_MAX_BYTES = 4096,
    JOB_COST_MAX_MS = 86400000, /* wire.yaml, job */
};

/* ---- tokens ---- */

struct slice job_token(struct arena *arena, const struct job *job)
{
    return arena_printf(arena, "%.*s:%.*s:%.*s:%d:%d:%d:%llu:%.*s", SLICE_ARG(job->id),
                        SLICE_ARG(job->subject_id), SLICE_ARG(job->owner), (int)job->subject,
                        (int)job->kind, (int)job->lane, (unsigned long long)job->attempt,
                        SLICE_ARG(job->lease));
}

static bool next_number(struct slice *rest, uint64_t below, uint64_t *out)
{
    struct slice part;

    return slice_split(*rest, ':', &part, rest) && slice_to_u64(part, out) && *out < below;
}

/* What belongs together stands together, whatever a worker says. */
static bool stands_in(unsigned partition, struct slice id, struct slice prefix, unsigned partitions)
{
    unsigned its;

    return id_parse(id, prefix, partitions, &its) && its == partition;
}

bool job_token_parse(struct slice token, unsigned partitions, struct job *out)
{
    uint64_t subject, kind, lane;

    *out = (struct job){0};
    if (!slice_split(token, ':', &out->id, &token) ||
        !slice_split(token, ':', &out->subject_id, &token) ||
        !slice_split(token, ':', &out->owner, &token) ||
        !next_number(&token, JOB_SUBJECT_COUNT, &subject) ||
        !next_number(&token, JOB_KIND_COUNT, &kind) ||
        !next_number(&token, JOB_LANE_COUNT, &lane) ||
        !next_number(&token, UINT64_MAX, &out->attempt))
        return false;
    out->lease = token;
    out->subject = (enum job_subject)subject;
    out->kind = (enum job_kind)kind;
    out->lane = (enum job_lane)lane;
    return token.n && id_parse(out->id, SLICE("job_"), partitions, &out->partition) &&
           stands_in(out->partition, out->subject_id, job_subject_prefix(out->subject),
                     partitions) &&
           stands_in(out->partition, out->owner, SLICE("user_"), partitions);
}

/* ---- what to make ---- */

static const unsigned outputs_of[JOB_KIND_COUNT] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, ...) [JOB_##NAME] = outputs,
#include "jobs.def"
#undef JOB_KIND
};

static struct wire_output *list_outputs(struct arena *arena, enum job_kind kind, size_t *n)
{
    struct wire_output *outputs = ARENA_ARRAY(arena, struct wire_output, VARIANT_COUNT);

    *n = 0;
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        const struct variant_row *row = variant_row(v);

        if (outputs_of[kind] & 1u << row->kind)
            outputs[(*n)++] =
                (struct wire_output){row->now.name, (enum wire_product)row->kind, row->pixels};
    }
    return outputs;
}

/* The job of a record that is gone: nobody will miss it. */
static enum err drop_job(struct task *task, struct gateway *gateway, const struct job *job)
{
    struct commit *commit = commit_new(task, gateway->state, job->partition);

    commit_allow_full(commit);
    job_complete(commit, job);
    return commit_send(commit);
}

enum err job_describe(struct task *task, struct gateway *gateway, const struct job *job,
                      struct wire_job *out)
{
    struct media media;
    enum err err = media_load(task, gateway->state, job->subject_id, &media);

    if (err == ERR_NOT_FOUND)
        drop_job(task, gateway, job);
    if (err != OK)
        return err;
    *out = (struct wire_job){
        .id = job->id,
        .media = job->subject_id,
        .kind = (enum wire_kind)job->kind,
        .attempt = job->attempt,
        .cost_ms = job->cost_ms < JOB_COST_MAX_MS ? job->cost_ms : JOB_COST_MAX_MS,
        .lease = job_token(task->arena, job),
        .input = media.sha256,
        .params = {.max_pixels = MAX_PIXELS, .duration_ms = media.duration_ms},
        .deadline_ms = job_kind_deadline_ms(job->kind, media.size),
    };
    out->outputs = list_outputs(task->arena, job->kind, &out->outputs_count);
    return OK;
}

/* ---- done ---- */

static void write_location(struct json_writer *w, const struct wire_location *location)
{
    jw_key(w, "location");
    jw_object(w);
    jw_key(w, "latitude");
    jw_double(w, location->latitude);
    jw_key(w, "longitude");
    jw_double(w, location->longitude);
    if (location->has_altitude) {
        jw_key(w, "altitude");
        jw_double(w, location->altitude);
    }
    jw_object_end(w);
}

static void write_text(struct json_writer *w, const char *key, struct slice text)
{
    if (text.n)
        jw_str(w, key, text);
}

static void write_metadata(struct json_writer *w, const struct wire_metadata *metadata)
{
    jw_object(w);
    write_text(w, "camera", metadata->camera);
    write_text(w, "lens", metadata->lens);
    if (metadata->has_iso)
        jw_int(w, "iso", (int64_t)metadata->iso);
    write_text(w, "exposure", metadata->exposure);
    if (metadata->has_aperture) {
        jw_key(w, "aperture");
        jw_double(w, metadata->aperture);
    }
    if (metadata->has_location)
        write_location(w, &metadata->location);
    jw_object_end(w);
}

/* Unknown values are left out; nothing known at all is no object. */
static struct slice metadata_json(struct arena *arena, const struct wire_metadata *metadata)
{
    struct buf buf;
    struct json_writer w;

    buf_init(&buf, METADATA_MAX_BYTES);
    jw_init(&w, &buf);
    write_metadata(&w, metadata);
    struct slice json = arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return slice_eq(json, SLICE("{}")) ? SLICE_NONE : json;
}

struct found {
    struct arena *arena;
    const struct wire_done *done;
    bool may_go_on;
    struct job next;
    struct slice sha256; /* of the original, and files of it that no row names any more */
    struct slice replaced[VARIANT_COUNT];
    size_t replaced_n;
};

static const struct wire_made *find_made(const struct wire_done *done, struct slice file)
{
    for (size_t i = 0; i < done->made_count; i++)
        if (slice_eq(done->made[i].file, file) && variant_is_etag(done->made[i].etag))
            return &done->made[i];
    return NULL;
}

static struct slice file_name(struct arena *arena, const struct variant_made *made)
{
    char name[VARIANT_FILE_BYTES];

    variant_file_name(name, made->file->name, made->etag);
    return arena_dup(arena, slice_from(name));
}

/* A row for each file that we know; a worker of another version may make others. What was there and
 * is not made anew stays. */
static void take_made(struct media *media, struct found *found)
{
    struct slice *rows = ARENA_ARRAY(found->arena, struct slice, VARIANT_COUNT);
    size_t n = 0;

    found->sha256 = media->sha256;
    found->replaced_n = 0;
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        const struct variant_file *file = &variant_row(v)->now;
        const struct wire_made *made = find_made(found->done, file->name);
        struct variant_made was, now;
        bool had = variant_find(VARIANTS_OF(media), v, &was);

        if (!made && !had)
            continue;
        now = made ? (struct variant_made){file, made->size, made->etag, false} : was;
        if (had && made && !slice_eq(was.etag, made->etag))
            found->replaced[found->replaced_n++] = file_name(found->arena, &was);
        rows[n++] = variant_format(found->arena, v, &now);
    }
    media->variants = rows;
    media->variant_count = n;
}

static struct slice variants_json(struct arena *arena, const struct media *media)
{
    struct slice list = SLICE_NONE;

    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        if (variant_row(v)->kind != VARIANT_MASK && variant_exists(VARIANTS_OF(media), v))
            list = arena_printf(arena, "%.*s%s\"%.*s\"", SLICE_ARG(list), list.n ? "," : "",
                                SLICE_ARG(variant_row(v)->name));
    }
    return arena_printf(arena, "{\"variants\":[%.*s]}", SLICE_ARG(list));
}

/* Where only thumbnails were made anew. */
static bool has_renditions(const struct media *media)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (variant_row(v)->kind == VARIANT_RENDITION && !variant_exists(VARIANTS_OF(media), v))
            return false;
    return true;
}

/* Containers for films may hold sound alone, and those for sound a film. */
static void set_type(struct media *media, enum media_type type)
{
    static const struct {
        struct slice film, sound;
    } names[] = {
        {SLICE_INIT("video/mp4"), SLICE_INIT("audio/mp4")},
        {SLICE_INIT("video/webm"), SLICE_INIT("audio/webm")},
        {SLICE_INIT("video/x-matroska"), SLICE_INIT("audio/x-matroska")},
        {SLICE_INIT("video/3gpp"), SLICE_INIT("audio/3gpp")},
        {SLICE_INIT("video/3gpp2"), SLICE_INIT("audio/3gpp2")},
        {SLICE_INIT("video/ogg"), SLICE_INIT("audio/ogg")},
    };

    media->type = type;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (type == MEDIA_AUDIO && slice_eq(media->mime_type, names[i].film))
            media->mime_type = names[i].sound;
        else if (type == MEDIA_VIDEO && slice_eq(media->mime_type, names[i].sound))
            media->mime_type = names[i].film;
    }
}

/* What is wrong with an original of which the rest serves. */
static void note_damage(struct media *media, const struct wire_results *results)
{
    media->failure_code = results->damage.n ? wire_reason_name(WIRE_REASON_DAMAGED) : SLICE_NONE;
    media->failure_message = results->damage;
}

static struct media_outcome take_renditions(struct media *media, void *arg)
{
    struct found *found = arg;

    take_made(media, found);
    media->rendition_failed = false;
    note_damage(media, &found->done->results);
    return (struct media_outcome){.event = EVENT_MEDIA_UPDATED,
                                  .changes = variants_json(found->arena, media)};
}

static struct media_outcome take_thumbnails(struct media *media, void *arg)
{
    struct found *found = arg;
    const struct wire_results *results = &found->done->results;

    take_made(media, found);
    media->rendition_failed = false;
    note_damage(media, results);
    set_type(media, (enum media_type)results->nature);
    media->status = MEDIA_READY;
    media->width = results->width;
    media->height = results->height;
    media->duration_ms = results->duration_ms;
    media->taken_ms = results->has_taken_ms ? results->taken_ms : 0;
    media->metadata = metadata_json(found->arena, &results->metadata);
    bool goes_on = found->may_go_on &&
                   (job_kind_row(found->next.kind)->media & 1u << media->type) &&
                   results->width > 0 && !has_renditions(media);
    return (struct media_outcome){.event = EVENT_MEDIA_READY,
                                  .next = goes_on ? &found->next : NULL};
}

struct removal {
    struct store *store;
    const struct found *found;
    uint64_t before_ms;
};

static void remove_now(void *arg)
{
    const struct removal *removal = arg;
    const struct found *found = removal->found;

    for (size_t i = 0; i < found->replaced_n; i++)
        store_variant_remove(removal->store, found->sha256, found->replaced[i], removal->before_ms);
}

/* While others have the same original their rows may name these files too: then they stay, as they
 * do when we cannot know. The original takes them with it. */
static void remove_replaced(struct task *task, struct gateway *gateway, const struct found *found)
{
    struct removal removal = {gateway->store, found, clock_unix_ms()};
    uint64_t count;

    if (found->replaced_n == 0 || pulse_feel(task, gateway->state, PULSE_BACKUP) != ERR_NOT_FOUND ||
        blob_count(task, gateway->state, found->sha256, &count) != OK || count != 1)
        return;
    task_offload(task, remove_now, &removal);
}

enum err job_done(struct task *task, struct gateway *gateway, const struct job *job,
                  const struct wire_done *done)
{
    static media_result_fn *const takers[JOB_KIND_COUNT] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, result, ...)                   \
    [JOB_##NAME] = take_##result,
#include "jobs.def"
#undef JOB_KIND
    };
    struct found found = {.arena = task->arena, .done = done};
    unsigned next = job_kind_row(job->kind)->next;

    found.may_go_on = next != JOB_KIND_COUNT;
    if (found.may_go_on) {
        found.next.kind = (enum job_kind)next;
        found.next.lane =
            job->lane == LANE_REGENERATION ? job->lane : job_kind_row(found.next.kind)->lane;
    }
    enum err err = media_finish(task, gateway->state, job, takers[job->kind], &found);

    if (err == OK)
        remove_replaced(task, gateway, &found);
    return err == ERR_NOT_FOUND ? drop_job(task, gateway, job) : err;
}

/* ---- failed ---- */

/* Whoever watches sees that nothing more comes of it. */
static enum err park(struct task *task, struct gateway *gateway, const struct job *job,
                     const struct wire_failed *failed)
{
    enum err err = media_park(task, gateway->state, job, wire_reason_name(failed->reason),
                              failed->message, failed->log);

    if (err == OK)
        progress_publish(gateway->state, job, JOB_PARKED, 0);
    return err;
}

enum err job_failed(struct task *task, struct gateway *gateway, const struct job *job,
                    const struct wire_failed *failed)
{
    struct slice code = wire_reason_name(failed->reason);

    if (!failed->retryable)
        return park(task, gateway, job, failed);
    enum err err = job_release(task, gateway->state, job, failed->counts, code);
    if (err != ERR_UNPROCESSABLE)
        return err;
    log_event(LOG_WARN, "job_gave_up", F("job", job->id), F("kind", job_kind_name(job->kind)),
              F("subject", job->subject_id), F("reason", code));
    return park(task, gateway, job, failed);
}
