/* Resumable uploads: tus 1.0.0 with its extensions. What an upload is, stands in
 * core/state/resumable.h; how far it is, its file in the store tells. */
#include "gateway/surfaces/mediavault/uploads.h"

#include "base/clock.h"
#include "gateway/gateway.h"
#include "gateway/once_gate.h"
#include "gateway/quota_gate.h"
#include "gateway/reply.h"
#include "gateway/surface.h"
#include "gateway/surfaces/mediavault/media_intake.h"
#include "gateway/surfaces/mediavault/tus.h"
#include "gateway/validate.h"
#include "handlers.h"
#include "state/record.h"
#include "store/partial.h"

#include <inttypes.h>

enum { AWAIT_MS = 2000, LOOK_MS = 25 };

static const struct config *config_of(const struct request *req)
{
    return req->gateway->config;
}

static uint64_t most_bytes(const struct request *req)
{
    return config_number(config_of(req), "upload.max_bytes");
}

static uint64_t life_ms(const struct request *req)
{
    return config_number(config_of(req), "uploads.expire") * 1000;
}

static void number_header(struct request *req, const char *name, uint64_t value)
{
    reply_header(req, name, arena_printf(req->task.arena, "%" PRIu64, value));
}

static bool refuse(struct request *req, enum err err, const char *header, struct slice why)
{
    const struct field_error problem = {slice_from(header), why};

    reply_field_errors(req, err, &problem, 1);
    return false;
}

static bool speaks_or_reply(struct request *req)
{
    if (slice_eq(request_header(req, "Tus-Resumable"), SLICE(TUS_VERSION)))
        return true;
    reply_header(req, "Tus-Version", SLICE(TUS_VERSION));
    reply_error(req, ERR_PRECONDITION_FAILED, SLICE("This is tus " TUS_VERSION "."));
    return false;
}

static bool has_bytes_or_reply(struct request *req)
{
    struct slice type, rest;

    slice_split(request_header(req, "Content-Type"), ';', &type, &rest);
    if (request_header(req, "Content-Type").p &&
        slice_eq_nocase(slice_trim(type), SLICE(TUS_CONTENT_TYPE)))
        return true;
    reply_error(req, ERR_UNSUPPORTED_MEDIA, SLICE("The body must be " TUS_CONTENT_TYPE "."));
    return false;
}

/* -- What is told of an upload ---------------------------------------------------------------- */

static void tell_end(struct request *req, const struct resumable *resumable, uint64_t changed_ms)
{
    uint64_t since_ms = changed_ms > resumable->created_ms ? changed_ms : resumable->created_ms;

    if (resumable->media_id.n) {
        reply_header(req, "Media-Id", resumable->media_id);
        reply_header(req, "Content-Location", mediavault_media_path(req, resumable->media_id));
    }
    if (!resumable->ended_ms)
        reply_header(req, "Upload-Expires",
                     clock_http_date(req->task.arena, since_ms + life_ms(req)));
}

/* Another request is about to end it: that one's media is to be told here as well. */
static void await_end(struct request *req, struct resumable *resumable)
{
    struct resumable now;

    for (unsigned ms = 0; ms < AWAIT_MS; ms += LOOK_MS) {
        fiber_sleep(LOOK_MS);
        if (resumable_load(&req->task, req->gateway->state, resumable->id, resumable->owner,
                           &now) != OK)
            return;
        *resumable = now;
        if (now.ended_ms)
            return;
    }
}

static bool finished_or_reply(struct request *req, struct resumable *resumable)
{
    struct slice detail;
    enum err err = mediavault_upload_finish(req, resumable, &detail);

    if (err == ERR_LOCKED && resumable->part == PART_WHOLE)
        await_end(req, resumable);
    if (err == OK || err == ERR_LOCKED)
        return true;
    reply_error(req, err, detail);
    return false;
}

/* All of it may be there by now. */
static bool complete_or_reply(struct request *req, struct resumable *resumable, uint64_t offset)
{
    if (resumable->deferred || offset != resumable->length)
        return true;
    if (!finished_or_reply(req, resumable))
        return false;
    if (resumable->part == PART_PARTIAL)
        mediavault_upload_finish_finals(req);
    return true;
}

/* -- Creation --------------------------------------------------------------------------------- */

void mediavault_uploads_options(struct request *req)
{
    reply_header(req, "Tus-Version", SLICE(TUS_VERSION));
    reply_header(req, "Tus-Extension", SLICE(TUS_EXTENSIONS));
    reply_header(req, "Tus-Checksum-Algorithm", SLICE(TUS_CHECKSUMS));
    number_header(req, "Tus-Max-Size", most_bytes(req));
    reply_empty(req, 204);
}

/* A length that would be refused at the end is refused before the first byte. */
static bool fits_or_reply(struct request *req, uint64_t length)
{
    uint64_t room;

    if (length > most_bytes(req))
        return refuse(req, ERR_PAYLOAD_TOO_LARGE, "Upload-Length",
                      SLICE("Is larger than allowed."));
    if (!quota_enter_or_reply(req, &room))
        return false;
    if (length <= room)
        return true;
    return refuse(req, ERR_QUOTA, "Upload-Length",
                  SLICE("Is larger than what your account has left."));
}

/* Likewise what is said of the file. Of a piece nothing is. */
static bool describable_or_reply(struct request *req, const struct tus_creation *creation)
{
    struct field_errors problems = {.n = 0};
    struct upload_form form;
    struct media media;

    if (!mediavault_upload_form(req, creation->metadata, &form))
        return refuse(req, ERR_VALIDATION, "Upload-Metadata",
                      SLICE("Must be up to 32 keys, each once, with values in Base64."));
    if (creation->part == PART_PARTIAL)
        return true;
    if (validate_query(req->task.arena, &schema_media_upload_body, form.names, form.values,
                       form.text_count, &problems) != OK) {
        reply_field_errors(req, ERR_VALIDATION, problems.list, problems.n);
        return false;
    }
    mediavault_intake_describe(req, &form, &media);
    return mediavault_intake_allowed_or_reply(req, &media);
}

static bool pieces_fit_or_reply(struct request *req, const struct resumable *final)
{
    struct upload_pieces pieces;
    enum err err = mediavault_upload_pieces(req, final, &pieces);

    if (err == ERR_NOT_FOUND)
        return refuse(req, ERR_VALIDATION, "Upload-Concat",
                      SLICE("Names an upload that is not there, or that is no piece."));
    if (!ok_or_reply(req, err))
        return false;
    if (pieces.known && pieces.bytes == 0)
        return refuse(req, ERR_VALIDATION, "Upload-Concat", SLICE("The file would be empty."));
    return fits_or_reply(req, pieces.bytes);
}

static bool parse_or_reply(struct request *req, struct tus_creation *out)
{
    struct field_error problem;
    enum err err = tus_creation_parse(req->task.arena, &req->head, out, &problem);

    if (err != OK) {
        reply_field_errors(req, err, &problem, 1);
        return false;
    }
    if (out->part == PART_WHOLE && !out->deferred && out->length == 0)
        return refuse(req, ERR_VALIDATION, "Upload-Length", SLICE("The file is empty."));
    if (request_has_body(req) && out->part == PART_FINAL)
        return refuse(req, ERR_VALIDATION, "Upload-Concat", SLICE("The pieces are all of it."));
    return (!request_has_body(req) || has_bytes_or_reply(req)) && describable_or_reply(req, out) &&
           (out->part == PART_FINAL || fits_or_reply(req, out->length));
}

static void reply_created(struct request *req, const struct resumable *resumable)
{
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/uploads/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(resumable->id)));
    tell_end(req, resumable, 0);
    reply_empty(req, 201);
}

static void reply_again(struct request *req)
{
    struct resumable resumable;

    if (ok_or_reply(req, resumable_load(&req->task, req->gateway->state, once_made(req),
                                        req->principal.user_id, &resumable)))
        reply_created(req, &resumable);
}

/* False: the client has its answer, also when it asked the same before. */
static bool make_or_reply(struct request *req, struct resumable *resumable)
{
    uint64_t bytes = config_number(config_of(req), "uploads.unfinished_bytes");
    const struct resumable_bounds bounds = {
        .items = config_number(config_of(req), "uploads.unfinished"),
        .bytes = bytes > most_bytes(req) ? bytes : most_bytes(req),
        .life_ms = life_ms(req),
    };
    enum err err = resumable_create(&req->task, req->gateway->state, resumable, &bounds, req->once);

    if (err == ERR_QUOTA)
        reply_error(req, err,
                    SLICE("Your account has as many or as large unfinished uploads as it may; "
                          "finish or delete one."));
    else if (err != OK && once_overtaken_or_reply(req, err))
        reply_again(req);
    return err == OK;
}

/* A client whose first bytes are refused learns where to go on. */
static bool take_first_bytes_or_reply(struct request *req, struct resumable *resumable)
{
    uint64_t offset = 0;

    if (!slice_starts_with(request_header(req, "Content-Type"), SLICE(TUS_CONTENT_TYPE)))
        return true;
    if (request_has_body(req) && !mediavault_upload_receive_or_reply(req, resumable, &offset))
        return false;
    if (!complete_or_reply(req, resumable, offset))
        return false;
    number_header(req, "Upload-Offset", offset);
    return true;
}

static bool join_or_reply(struct request *req, struct resumable *final)
{
    struct upload_pieces pieces;

    if (mediavault_upload_pieces(req, final, &pieces) != OK || !pieces.complete)
        return true;
    if (finished_or_reply(req, final))
        return true;
    resumable_remove(&req->task, req->gateway->state, final);
    return false;
}

void mediavault_uploads_create(struct request *req)
{
    struct tus_creation creation;

    if (!speaks_or_reply(req) || !parse_or_reply(req, &creation))
        return;
    struct resumable resumable = {
        .owner = req->principal.user_id,
        .part = creation.part,
        .length = creation.length,
        .deferred = creation.deferred,
        .metadata = creation.metadata,
        .concat = creation.concat,
        .pieces = creation.pieces,
        .piece_count = creation.piece_count,
        .reserved = creation.deferred ? most_bytes(req) : creation.length,
    };
    if (creation.part == PART_FINAL && !pieces_fit_or_reply(req, &resumable))
        return;
    if (!once_judge_or_reply(req, arena_printf(req->task.arena, "%d %" PRIu64 "\n%.*s\n%.*s",
                                               creation.deferred, creation.length,
                                               SLICE_ARG(creation.metadata),
                                               SLICE_ARG(creation.concat))))
        return;
    if (once_made(req).n) {
        reply_again(req);
        return;
    }
    if (make_or_reply(req, &resumable) && take_first_bytes_or_reply(req, &resumable) &&
        (creation.part != PART_FINAL || join_or_reply(req, &resumable)))
        reply_created(req, &resumable);
}

/* -- The upload ------------------------------------------------------------------------------- */

static bool load_or_reply(struct request *req, struct resumable *out)
{
    return speaks_or_reply(req) &&
           ok_or_reply(req, resumable_load(&req->task, req->gateway->state,
                                           request_param(req, "id"), req->principal.user_id, out));
}

/* How far it is: what a dead writer has not proven does not count. */
static enum err look(struct request *req, struct resumable *resumable, struct partial_look *out)
{
    struct task *task = &req->task;
    enum err err;

    *out = (struct partial_look){.size = resumable->length};
    if (resumable->ended_ms)
        return OK;
    mediavault_upload_stop_silent(resumable->id);
    err = partial_look(task, req->gateway->store, resumable->id, out);
    if (err == OK) /* again: who proves says so before he writes */
        err = resumable_load(task, req->gateway->state, resumable->id, resumable->owner, resumable);
    if (err == OK && resumable->ended_ms)
        out->size = resumable->length;
    else if (err == OK && resumable->doubt && out->size > resumable->doubt_from)
        out->size = resumable->doubt_from;
    return err;
}

static void reply_head(struct request *req, const struct resumable *resumable,
                       const struct partial_look *seen)
{
    struct upload_pieces pieces;
    bool final = resumable->part == PART_FINAL && !resumable->ended_ms;

    if (!final)
        number_header(req, "Upload-Offset", seen->size);
    if (resumable->deferred)
        reply_header(req, "Upload-Defer-Length", SLICE("1"));
    else if (!final)
        number_header(req, "Upload-Length", resumable->length);
    else if (mediavault_upload_pieces(req, resumable, &pieces) == OK && pieces.known)
        number_header(req, "Upload-Length", pieces.bytes);
    if (resumable->metadata.n)
        reply_header(req, "Upload-Metadata", resumable->metadata);
    if (resumable->concat.n)
        reply_header(req, "Upload-Concat", resumable->concat);
    tell_end(req, resumable, seen->changed_ms);
    reply_header(req, "Cache-Control", SLICE("no-store"));
    reply_empty(req, 200);
}

void mediavault_uploads_head(struct request *req)
{
    struct resumable resumable;
    struct partial_look seen = {0};
    struct slice detail;

    if (!load_or_reply(req, &resumable))
        return;
    if (resumable.part == PART_FINAL) {
        enum err err = mediavault_upload_finish(req, &resumable, &detail);

        if (err != OK && err != ERR_CONFLICT && err != ERR_LOCKED) {
            reply_error(req, err, detail);
            return;
        }
        seen.size = resumable.length;
    } else if (!ok_or_reply(req, look(req, &resumable, &seen)) ||
               !complete_or_reply(req, &resumable, seen.size)) {
        return;
    }
    reply_head(req, &resumable, &seen);
}

/* A length that was deferred may come with any PATCH, and then stays. */
static bool take_length_or_reply(struct request *req, struct resumable *resumable, uint64_t offset)
{
    struct field_error problem;
    uint64_t length;
    bool given;
    enum err err = tus_bytes_parse(&req->head, "Upload-Length", &given, &length, &problem);

    if (err != OK) {
        reply_field_errors(req, err, &problem, 1);
        return false;
    }
    if (!given || (!resumable->deferred && length == resumable->length))
        return true;
    if (!resumable->deferred)
        return refuse(req, ERR_VALIDATION, "Upload-Length", SLICE("Was told before."));
    if (length < offset)
        return refuse(req, ERR_VALIDATION, "Upload-Length", SLICE("More has come already."));
    if (length == 0 && resumable->part == PART_WHOLE)
        return refuse(req, ERR_VALIDATION, "Upload-Length", SLICE("The file is empty."));
    return fits_or_reply(req, length) &&
           ok_or_reply(req,
                       resumable_set_length(&req->task, req->gateway->state, resumable, length));
}

static bool read_offset_or_reply(struct request *req, uint64_t *offset)
{
    struct field_error problem = {SLICE("Upload-Offset"), SLICE("Is required.")};
    bool given;
    enum err err = tus_bytes_parse(&req->head, "Upload-Offset", &given, offset, &problem);

    if (err == OK && given)
        return true;
    reply_field_errors(req, ERR_VALIDATION, &problem, 1);
    return false;
}

static bool at_offset_or_reply(struct request *req, struct resumable *resumable, uint64_t offset)
{
    struct partial_look seen;

    if (!ok_or_reply(req, look(req, resumable, &seen)))
        return false;
    if (seen.size == offset)
        return true;
    number_header(req, "Upload-Offset", seen.size);
    reply_error(req, ERR_CONFLICT, SLICE("The upload has not come so far, or farther."));
    return false;
}

void mediavault_uploads_patch(struct request *req)
{
    struct resumable resumable;
    uint64_t offset;

    if (!load_or_reply(req, &resumable))
        return;
    if (resumable.part == PART_FINAL) {
        reply_error(req, ERR_FORBIDDEN, SLICE("It is made of the pieces, and takes no bytes."));
        return;
    }
    if (!has_bytes_or_reply(req) || !read_offset_or_reply(req, &offset) ||
        !at_offset_or_reply(req, &resumable, offset) ||
        !take_length_or_reply(req, &resumable, offset))
        return;
    if (resumable.ended_ms && req->head.content_length) {
        reply_error(req, ERR_PAYLOAD_TOO_LARGE, SLICE("All of it is there."));
        return;
    }
    if (!resumable.ended_ms && (!mediavault_upload_receive_or_reply(req, &resumable, &offset) ||
                                !complete_or_reply(req, &resumable, offset)))
        return;
    number_header(req, "Upload-Offset", offset);
    tell_end(req, &resumable, clock_unix_ms());
    reply_empty(req, 204);
}

static enum err remove_once(struct task *task, struct state *state, void *arg)
{
    struct resumable *resumable = arg;
    enum err err = resumable_load(task, state, resumable->id, resumable->owner, resumable);

    return err == OK ? resumable_remove(task, state, resumable) : err;
}

void mediavault_uploads_delete(struct request *req)
{
    struct resumable resumable;

    if (!load_or_reply(req, &resumable) ||
        !ok_or_reply(req, record_repeat(&req->task, req->gateway->state, remove_once, &resumable)))
        return;
    partial_remove(&req->task, req->gateway->store, resumable.id);
    reply_empty(req, 204);
}
