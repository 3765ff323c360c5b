#include "gateway/job_results.h"

#include "base/json.h"
#include "base/log.h"
#include "state/media.h"
#include "store/variant.h"

enum { MAX_PIXELS = 300000000, METADATA_MAX_BYTES = 4096 };

/* How long each kind may take; a transcode in proportion to its length besides. */
static const uint64_t deadlines_ms[JOB_KIND_COUNT] = {
    [JOB_IMAGE] = 60000,
    [JOB_VIDEO] = 120000,
    [JOB_TRANSCODE] = 600000,
};
enum { TRANSCODE_PER_DURATION = 20 };

static const enum wire_kind wire_kinds[JOB_KIND_COUNT] = {
    [JOB_IMAGE] = WIRE_KIND_IMAGE,
    [JOB_VIDEO] = WIRE_KIND_VIDEO,
    [JOB_TRANSCODE] = WIRE_KIND_TRANSCODE,
};

enum err job_describe(struct task *task, struct state *state, const struct job *job,
                      struct wire_job *out)
{
    enum variant_kind wanted = job->kind == JOB_TRANSCODE ? VARIANT_RENDITION : VARIANT_THUMBNAIL;
    struct media media;
    enum err err = media_load(task, state, job->media_id, &media);

    if (err != OK)
        return err;
    *out = (struct wire_job){
        .id = job->id,
        .media = job->media_id,
        .kind = wire_kinds[job->kind],
        .attempt = job->attempt,
        .lease = arena_printf(task->arena, "%.*s:%.*s", SLICE_ARG(job->id), SLICE_ARG(job->lease)),
        .input = job->sha256,
        .outputs = ARENA_ARRAY(task->arena, struct wire_output, VARIANT_COUNT),
        .params = {.max_pixels = MAX_PIXELS, .duration_ms = media.duration_ms},
        .deadline_ms = deadlines_ms[job->kind],
    };
    if (job->kind == JOB_TRANSCODE)
        out->deadline_ms += media.duration_ms * TRANSCODE_PER_DURATION;
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        const struct variant_row *row = variant_row(v);

        if (row->kind == wanted)
            out->outputs[out->outputs_count++] = (struct wire_output){row->file, row->pixels};
    }
    return OK;
}

static void write_real(struct json_writer *w, const char *key, bool known, double value)
{
    jw_key(w, key);
    if (known)
        jw_double(w, value);
    else
        jw_null(w);
}

static void write_location(struct json_writer *w, const struct wire_metadata *metadata)
{
    jw_key(w, "location");
    if (!metadata->has_location) {
        jw_null(w);
        return;
    }
    jw_object(w);
    write_real(w, "latitude", true, metadata->location.latitude);
    write_real(w, "longitude", true, metadata->location.longitude);
    write_real(w, "altitude", metadata->location.has_altitude, metadata->location.altitude);
    jw_object_end(w);
}

static struct slice metadata_json(struct arena *arena, const struct wire_metadata *metadata)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, METADATA_MAX_BYTES);
    jw_init(&w, &out);
    jw_object(&w);
    jw_str_or_null(&w, "camera", metadata->camera);
    jw_str_or_null(&w, "lens", metadata->lens);
    jw_key(&w, "iso");
    if (metadata->has_iso)
        jw_i64(&w, (int64_t)metadata->iso);
    else
        jw_null(&w);
    jw_str_or_null(&w, "exposure", metadata->exposure);
    write_real(&w, "aperture", metadata->has_aperture, metadata->aperture);
    write_location(&w, metadata);
    jw_object_end(&w);
    struct slice json = out.overflow ? SLICE_NONE : arena_dup(arena, buf_slice(&out));
    buf_fini(&out);
    return json;
}

static unsigned variants_made(const struct wire_results *results)
{
    unsigned made = 0;

    for (size_t i = 0; i < results->variants_count; i++)
        for (enum variant v = 0; v < VARIANT_COUNT; v++)
            if (slice_eq(results->variants[i].file, variant_row(v)->file))
                made |= VARIANT_BIT(v);
    return made;
}

enum err job_succeeded(struct task *task, struct state *state, const struct job *job,
                       const struct wire_results *results)
{
    struct job transcode = {.kind = JOB_TRANSCODE, .lane = job->lane};
    struct media media;
    enum err err = media_load(task, state, job->media_id, &media);

    if (err != OK)
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    media.variants |= variants_made(results);
    if (job->kind == JOB_TRANSCODE)
        return media_finish(task, state, &media, EVENT_MEDIA_UPDATED, job, NULL);
    media.status = MEDIA_READY;
    media.width = results->width;
    media.height = results->height;
    media.duration_ms = results->duration_ms;
    media.taken_ms = results->has_taken_ms ? results->taken_ms : 0;
    media.metadata = metadata_json(task->arena, &results->metadata);
    bool moving = job->kind == JOB_VIDEO && media.type == MEDIA_VIDEO && media.width > 0;
    return media_finish(task, state, &media, EVENT_MEDIA_READY, job, moving ? &transcode : NULL);
}

enum err job_failed(struct task *task, struct state *state, const struct job *job,
                    const struct wire_failed *failure)
{
    struct slice code = wire_reason_name(failure->reason);

    log_event(LOG_WARN, "job_failed", F("job", job->id), F("media", job->media_id),
              F("reason", code), F("message", failure->message),
              F("attempt", (long long)job->attempt), F("retryable", (int)failure->retryable));
    if (failure->retryable) {
        enum err err = job_release(task, state, job, failure->counts, failure->message);
        if (err != ERR_UNPROCESSABLE)
            return err;
    }
    return media_park(task, state, job, code, failure->message);
}
