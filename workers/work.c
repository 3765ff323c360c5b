#include "workers/work.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/sniff.h"
#include "store/store_content.h"
#include "workers/tail.h"
#include "workers/transcode.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum {
    MAX_OUTPUTS = 16,
    PROBE_MS = 300 * 1000,
    PATIENCE_MS = 30 * 1000, /* for memory; then it is another's turn */
};

struct files {
    struct work *work;
    int fds[1 + MAX_OUTPUTS];                 /* the original, then the outputs */
    char *room;                               /* of SNIFF_BYTES */
    struct slice head;                        /* what the original begins with */
    char paths[MAX_OUTPUTS][LAYOUT_PATH_MAX]; /* "" once it was kept */
    size_t n;                                 /* outputs that are open */
    struct variant_print prints[MAX_OUTPUTS]; /* of those that were kept */
    bool failed;
    bool wanted[MAX_OUTPUTS];
};

static bool fail(struct work *work, enum wire_reason reason, const char *message, bool retryable,
                 bool counts)
{
    work->reason = reason;
    work->message = slice_from(message);
    work->retryable = retryable;
    work->counts = counts;
    return false;
}

static bool fail_storage(struct work *work)
{
    return fail(work, WIRE_REASON_STORAGE, "The store cannot be read or written.", true, false);
}

/* ---- files, on the thread pool ---- */

static void open_files(void *arg)
{
    struct files *files = arg;
    ssize_t n = pread(files->fds[0], files->room, SNIFF_BYTES, 0);

    files->head = (struct slice){files->room, n > 0 ? (size_t)n : 0};
    for (size_t i = 0; i < files->work->job->outputs_count; i++) {
        if (store_incoming_open(files->work->store, files->paths[i], &files->fds[1 + i]) != OK) {
            files->paths[i][0] = '\0';
            files->failed = true;
            return;
        }
        files->n++;
    }
}

static void keep_outputs(void *arg)
{
    struct files *files = arg;
    const struct wire_job *job = files->work->job;

    for (size_t i = 0; i < files->n && !files->failed; i++) {
        if (!files->wanted[i])
            continue;
        FAULT_POINT(VARIANT_BEFORE_FSYNC);
        files->failed = fsync(files->fds[1 + i]) != 0;
        FAULT_POINT(VARIANT_AFTER_FSYNC);
        if (!files->failed)
            files->failed = store_variant_keep(files->work->store, job->input, job->outputs[i].file,
                                               files->paths[i], &files->prints[i]) != OK;
        if (!files->failed)
            files->paths[i][0] = '\0';
    }
}

static void close_all(void *arg)
{
    struct files *files = arg;

    if (files->fds[0] >= 0)
        close(files->fds[0]);
    for (size_t i = 0; i < files->n; i++) {
        close(files->fds[1 + i]);
        if (files->paths[i][0])
            store_incoming_remove(files->work->store, files->paths[i]);
    }
}

/* ---- what the child made ---- */

static bool was_written(const struct work *work, struct slice file)
{
    for (size_t i = 0; i < work->written_count; i++)
        if (slice_eq(work->written[i].file, file))
            return true;
    return false;
}

/* Only what was asked for counts, however the child names it. */
static bool keep_made(struct task *task, struct files *files)
{
    struct work *work = files->work;

    for (size_t i = 0; i < files->n; i++)
        files->wanted[i] = was_written(work, work->job->outputs[i].file);
    task_offload(task, keep_outputs, files);
    if (files->failed)
        return fail_storage(work);
    work->made = ARENA_ARRAY(task->arena, struct wire_made, MAX_OUTPUTS);
    for (size_t i = 0; i < files->n; i++) {
        const struct variant_print *print = &files->prints[i];
        struct slice etag = arena_dup(task->arena, slice_from(print->etag));

        if (files->wanted[i])
            work->made[work->made_count++] =
                (struct wire_made){work->job->outputs[i].file, print->size, etag};
    }
    return true;
}

/* Behind our own sentence. */
static void add_words(struct arena *arena, struct work *work)
{
    if (work->log.n)
        work->message = arena_printf(arena, "%.*s Its last words: %.*s", SLICE_ARG(work->message),
                                     SLICE_ARG(work->log));
}

static bool from_decoder(struct work *work, enum decoder_end end, const struct wire_message *answer)
{
    switch (end) {
    case DECODER_ANSWERED:
        if (answer->type == WIRE_DECODED) {
            work->results = answer->decoded.results;
            work->written = answer->decoded.outputs;
            work->written_count = answer->decoded.outputs_count;
            return true;
        }
        if (answer->type == WIRE_NEEDS) /* and has what it asked for */
            return fail(work, WIRE_REASON_OUT_OF_MEMORY, "Decoding takes too much memory.", false,
                        false);
        fail(work, answer->undecodable.reason, "", false, false);
        work->message = answer->undecodable.message;
        return false;
    case DECODER_UNAVAILABLE:
        return fail(work, WIRE_REASON_INTERNAL, "No decoder could be started.", true, false);
    case DECODER_CRASHED:
        return fail(work, WIRE_REASON_CRASHED, "The decoder crashed on this file.", true, true);
    case DECODER_TIMED_OUT:
        return fail(work, WIRE_REASON_TIMED_OUT, "Decoding took too long.", true, true);
    case DECODER_OUT_OF_MEMORY:
        return fail(work, WIRE_REASON_OUT_OF_MEMORY, "Decoding took too much memory.", false, true);
    case DECODER_CANCELLED:
        break;
    }
    return fail(work, WIRE_REASON_CANCELLED, "The work was called off.", true, false);
}

static bool fail_crowded(struct work *work)
{
    if (work->cancelled)
        return fail(work, WIRE_REASON_CANCELLED, "The work was called off.", true, false);
    return fail(work, WIRE_REASON_BUSY, "Others have the memory of the workers.", true, false);
}

/* In a share of the memory; false: there was none. n: of files->fds. */
static bool ask_within(struct task *task, const struct files *files, struct wire_decode *request,
                       size_t n, struct wire_message *answer, enum decoder_end *end)
{
    struct work *work = files->work;
    struct slice said;

    if (!lane_enter(work->lane, LANE_PICTURE, request->memory_bytes, &work->cancelled, PATIENCE_MS))
        return false;
    work->decoding = true;
    *end = decoders_ask(task, work->decoders, files->head, request, files->fds, n, answer, &said);
    work->decoding = false;
    work->log = tail_for_people(task->arena, said);
    lane_leave(work->lane);
    return true;
}

/* With the least memory first, which shows what it takes; what takes more is asked for again. */
static bool ask(struct task *task, const struct files *files, struct wire_decode *request, size_t n)
{
    struct work *work = files->work;
    struct wire_message answer;
    enum decoder_end end;

    request->memory_bytes = LANE_LEAST_BYTES;
    if (!ask_within(task, files, request, n, &answer, &end))
        return fail_crowded(work);
    if (end == DECODER_ANSWERED && answer.type == WIRE_NEEDS) {
        request->memory_bytes = answer.needs.memory_bytes;
        if (request->memory_bytes > lane_most_bytes(work->lane))
            return fail(work, WIRE_REASON_OUT_OF_MEMORY,
                        "This takes more memory than the workers may have here.", false, false);
        if (!ask_within(task, files, request, n, &answer, &end))
            return fail_crowded(work);
    }
    bool fine = from_decoder(work, end, &answer);
    if (end != DECODER_ANSWERED)
        add_words(task->arena, work);
    return fine;
}

static bool run_decode(struct task *task, struct work *work, struct files *files)
{
    const struct wire_job *job = work->job;
    struct wire_decode request = {.kind = job->kind,
                                  .outputs = job->outputs,
                                  .outputs_count = job->outputs_count,
                                  .max_pixels = job->params.max_pixels,
                                  .deadline_ms = job->deadline_ms};

    return ask(task, files, &request, 1 + files->n) && keep_made(task, files);
}

static bool from_transcoder(struct work *work, enum transcode_end end)
{
    switch (end) {
    case TRANSCODE_DONE:
        return true;
    case TRANSCODE_REFUSED:
        return fail(work, WIRE_REASON_DAMAGED, "The video cannot be converted.", false, false);
    case TRANSCODE_CRASHED:
        return fail(work, WIRE_REASON_CRASHED, "The converter crashed on this file.", true, true);
    case TRANSCODE_STALLED:
        return fail(work, WIRE_REASON_TIMED_OUT, "The conversion came to a halt.", true, true);
    case TRANSCODE_OUT_OF_MEMORY:
        return fail(work, WIRE_REASON_OUT_OF_MEMORY, "The conversion took too much memory.", false,
                    true);
    case TRANSCODE_UNAVAILABLE:
        return fail(work, WIRE_REASON_INTERNAL, "No converter could be started.", true, false);
    case TRANSCODE_CANCELLED:
        break;
    }
    return fail(work, WIRE_REASON_CANCELLED, "The work was called off.", true, false);
}

/* What the original is, before anything is made of it. */
static bool probe(struct task *task, struct work *work, const struct files *files)
{
    const struct wire_job *job = work->job;
    struct wire_decode request = {.kind = job->kind,
                                  .max_pixels = job->params.max_pixels,
                                  .deadline_ms =
                                      job->deadline_ms < PROBE_MS ? job->deadline_ms : PROBE_MS};

    if (!ask(task, files, &request, 1))
        return false;
    if (!work->results.has_clip)
        return fail(work, WIRE_REASON_INTERNAL, "The probe found no clip.", false, false);
    if (!recipe_affordable(&work->results.clip))
        return fail(work, WIRE_REASON_TOO_MANY_PIXELS,
                    "The video has more frames and pixels than are converted here.", false, false);
    return true;
}

/* ffmpeg is a program like any other: only Landlock keeps it from everybody's files. After the
 * probe, so that the decoder has said what holds it. */
static bool may_transcode(struct work *work)
{
    if (work->sandbox_off || decoders_confine_files(work->decoders))
        return true;
    return fail(work, WIRE_REASON_UNSUPPORTED,
                "This machine's kernel has no Landlock to hold the converter.", false, false);
}

/* Renditions are made one after the other, each with a run of its own. */
static bool make_renditions(struct task *task, struct work *work, struct files *files,
                            uint64_t memory_bytes)
{
    const struct wire_job *job = work->job;
    const struct wire_clip *clip = &work->results.clip;
    uint64_t deadline_ms = recipe_deadline_ms(clip);

    for (size_t i = 0; i < files->n; i++) {
        struct transcode request = {
            .input = files->fds[0],
            .output = files->fds[1 + i],
            .user = work->user,
            .recipe = {clip, job->outputs[i].size},
            .deadline_ms = deadline_ms < job->deadline_ms ? deadline_ms : job->deadline_ms,
            .memory_bytes = memory_bytes,
            .cancelled = &work->cancelled,
            .paused = &work->paused,
            .percent = &work->percent,
            .percent_from = (unsigned)(100 * i / files->n),
            .percent_to = (unsigned)(100 * (i + 1) / files->n),
        };
        if (!from_transcoder(work, transcode_run(task, &request, &work->log))) {
            add_words(task->arena, work);
            return false;
        }
    }
    return true;
}

static bool run_transcode(struct task *task, struct work *work, struct files *files)
{
    const struct wire_job *job = work->job;
    if (!probe(task, work, files) || !may_transcode(work))
        return false;
    if (work->on_converting)
        work->on_converting(work);
    uint64_t memory_bytes = recipe_memory_bytes(&work->results.clip, uv_available_parallelism());
    if (memory_bytes > lane_most_bytes(work->lane))
        memory_bytes = lane_most_bytes(work->lane);
    if (!lane_enter(work->lane, LANE_TRANSCODE, memory_bytes, &work->cancelled, PATIENCE_MS))
        return fail_crowded(work);
    bool fine = make_renditions(task, work, files, memory_bytes);
    lane_leave(work->lane);
    if (!fine)
        return false;
    work->written = job->outputs;
    work->written_count = job->outputs_count;
    return keep_made(task, files);
}

bool work_run(struct task *task, struct work *work)
{
    static bool (*const runners[WIRE_KIND_COUNT])(struct task *, struct work *, struct files *) = {
#define JOB_KIND(name, NAME, subject, media, runner, ...) [WIRE_KIND_##NAME] = run_##runner,
#include "jobs.def"
#undef JOB_KIND
    };
    struct files files = {.work = work, .fds = {-1}, .room = arena_alloc(task->arena, SNIFF_BYTES)};
    uint64_t size;
    bool fine = false;
    enum err err = store_blob_open(task, work->store, work->job->input, &files.fds[0], &size);

    if (err == ERR_NOT_FOUND)
        fail(work, WIRE_REASON_STORAGE, "The original is not in the store.", false, false);
    else if (err != OK)
        fail_storage(work);
    else {
        task_offload(task, open_files, &files);
        if (files.failed)
            fail_storage(work);
        else
            fine = runners[work->job->kind](task, work, &files);
    }
    task_offload(task, close_all, &files);
    return fine;
}

void work_cancel(struct work *work)
{
    work->cancelled = true;
    if (work->decoding)
        decoders_cancel(work->decoders);
}
