/* What becomes of a resumable upload once all of it is there. The file is kept as a blob first,
 * under a second name; then one commit makes the media and ends the upload, so whoever dies in
 * between leaves an upload that is complete, and the next HEAD or PATCH ends it. */
#include "base/charset.h"
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/http/sent_name.h"
#include "gateway/quota_gate.h"
#include "gateway/surfaces/mediavault/media_intake.h"
#include "gateway/surfaces/mediavault/tus.h"
#include "gateway/surfaces/mediavault/uploads.h"
#include "state/lease.h"
#include "state/record.h"
#include "store/partial.h"
#include "store/sniff.h"

enum {
    TURN_MS = 10000,
    TIDY_MS = 5000, /* then housekeeping looks whether a crash has left its file */
    SPENT_MS = 600 * 1000,
};

/* -- What is said of it ----------------------------------------------------------------------- */

bool mediavault_upload_form(struct request *req, struct slice metadata, struct upload_form *out)
{
    struct arena *arena = req->task.arena;
    struct tus_pair pairs[TUS_PAIRS_MAX];
    size_t n;

    *out = (struct upload_form){0};
    if (!tus_metadata_parse(arena, metadata, pairs, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct slice value = charset_guess(arena, pairs[i].value);
        const struct param name = {.value = value};

        if (slice_eq(pairs[i].key, SLICE("filename")) ||
            (slice_eq(pairs[i].key, SLICE("name")) && !out->filename.n))
            out->filename = sent_filename(arena, &name, NULL);
        out->names[out->text_count] = pairs[i].key;
        out->values[out->text_count++] = value;
    }
    return true;
}

/* -- The media -------------------------------------------------------------------------------- */

struct ending {
    struct request *req;
    struct resumable *resumable;
    struct upload *upload; /* complete */
    struct slice *detail;
};

static void end_upload(struct commit *commit, const struct media *media, void *arg)
{
    const struct ending *ending = arg;

    resumable_end(commit, ending->resumable, media->id, media->size, TIDY_MS);
}

/* A file that is made of pieces can be made again. */
static void put_down(struct ending *ending)
{
    if (ending->resumable->part == PART_FINAL)
        upload_drop(&ending->req->task, ending->upload);
    else
        upload_pause(&ending->req->task, ending->upload);
}

static enum err refuse_type(struct ending *ending)
{
    struct request *req = ending->req;

    upload_drop(&req->task, ending->upload);
    resumable_remove(&req->task, req->gateway->state, ending->resumable);
    *ending->detail = arena_printf(req->task.arena,
                                   "By its content it is none of the formats that are taken: %.*s.",
                                   SLICE_ARG(sniff_formats()));
    return ERR_UNSUPPORTED_MEDIA;
}

/* Somebody else was faster: what has he made of it? */
static enum err read_end(struct ending *ending)
{
    struct request *req = ending->req;
    struct resumable *resumable = ending->resumable;
    enum err err =
        resumable_load(&req->task, req->gateway->state, resumable->id, resumable->owner, resumable);

    return err == OK && !resumable->ended_ms ? ERR_LOCKED : err;
}

static enum err keep(struct ending *ending, struct media *media, struct usage_bound *bound)
{
    struct request *req = ending->req;
    enum err err = dispatch_still_admitted(req);

    if (err == OK)
        err = quota_take(req, media->size, bound);
    if (err != OK) {
        put_down(ending);
        return err;
    }
    err = upload_keep(&req->task, ending->upload, &media->sha256);
    if (err != OK)
        usage_give_back(&req->task, req->gateway->state, media->owner, bound);
    return err;
}

static enum err make_media(struct ending *ending)
{
    struct request *req = ending->req;
    const struct media_companion with = {end_upload, ending};
    struct usage_bound bound = {.claim = SLICE_NONE};
    struct upload_form form;
    struct media media;

    mediavault_upload_form(req, ending->resumable->metadata, &form);
    form.upload = ending->upload;
    form.mime_type = sniff_mime(upload_head(ending->upload));
    if (!form.mime_type.n)
        return refuse_type(ending);
    mediavault_intake_describe(req, &form, &media);
    enum err err = keep(ending, &media, &bound);
    if (err != OK)
        return err;
    err = mediavault_intake_make(req, &media, NULL, &bound, &with);
    if (err == ERR_OVERTAKEN)
        return read_end(ending);
    if (err != OK)
        return err;
    ending->resumable->media_id = media.id;
    ending->resumable->ended_ms = media.created_ms;
    ending->resumable->length = media.size;
    return OK;
}

static enum err finish_whole(struct ending *ending)
{
    struct request *req = ending->req;
    struct store *store = req->gateway->store;
    const struct resumable *resumable = ending->resumable;
    const struct upload_resumption how = {.name = resumable->id, .proven_bytes = UINT64_MAX};
    enum err err = upload_resume(&req->task, store, resumable->length, &how, &ending->upload);

    if (err != OK)
        return err;
    if (upload_size(ending->upload) != resumable->length) {
        err = read_end(ending); /* another has ended it just now, and removed the file */
        if (err == OK || err == ERR_NOT_FOUND)
            upload_drop(&req->task, ending->upload);
        else
            upload_pause(&req->task, ending->upload);
        return err;
    }
    err = make_media(ending);
    if (err == OK)
        partial_remove(&req->task, store, resumable->id);
    return err;
}

/* -- Pieces ----------------------------------------------------------------------------------- */

struct pieces {
    struct resumable *list; /* as the final names them */
    size_t n;
    uint64_t bytes;
    bool known, complete; /* their lengths are; all of them are there */
};

static enum err load_piece(struct request *req, const struct resumable *final, struct slice id,
                           struct pieces *pieces)
{
    struct resumable *piece = &pieces->list[pieces->n++];
    struct partial_look look;
    enum err err = resumable_load(&req->task, req->gateway->state, id, final->owner, piece);

    if (err == OK && piece->part != PART_PARTIAL)
        err = ERR_NOT_FOUND;
    if (err == OK)
        err = partial_look(&req->task, req->gateway->store, id, &look);
    if (err != OK)
        return err;
    pieces->bytes += piece->length;
    pieces->known &= !piece->deferred;
    pieces->complete &= !piece->deferred && !piece->doubt && look.size == piece->length;
    return OK;
}

static enum err load_pieces(struct request *req, const struct resumable *final, struct pieces *out)
{
    enum err err = OK;

    *out = (struct pieces){.known = true, .complete = true};
    out->list = ARENA_ARRAY(req->task.arena, struct resumable, final->piece_count);
    for (size_t i = 0; i < final->piece_count && err == OK; i++)
        err = load_piece(req, final, final->pieces[i], out);
    return err;
}

enum err mediavault_upload_pieces(struct request *req, const struct resumable *final,
                                  struct upload_pieces *out)
{
    struct pieces pieces;
    enum err err = load_pieces(req, final, &pieces);

    if (err == OK)
        *out = (struct upload_pieces){pieces.bytes, pieces.known, pieces.complete};
    return err;
}

static enum err join(struct ending *ending, const struct pieces *pieces)
{
    struct request *req = ending->req;
    struct store *store = req->gateway->store;
    uint64_t most = config_number(req->gateway->config, "upload.max_bytes");
    enum err err = pieces->bytes > most ? ERR_PAYLOAD_TOO_LARGE : OK;

    if (err == OK)
        err = upload_begin(&req->task, store, most, pieces->bytes, &ending->upload);
    if (err != OK)
        return err;
    for (size_t i = 0; i < pieces->n && err == OK; i++)
        if (pieces->list[i].length)
            err = upload_append(&req->task, ending->upload, pieces->list[i].id);
    if (err == OK && upload_size(ending->upload) != pieces->bytes)
        err = ERR_CONFLICT;
    if (err != OK)
        upload_drop(&req->task, ending->upload);
    return err;
}

static bool is_repeated(const struct pieces *pieces, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (slice_eq(pieces->list[i].id, pieces->list[at].id))
            return true;
    return false;
}

static enum err spend_piece(struct commit *commit, struct resumable *piece)
{
    resumable_end(commit, piece, SLICE_NONE, piece->length, SPENT_MS);
    return commit_send(commit);
}

/* They count no more, and go in a while: a client may use one again. What cannot be changed now
 * expires as if it had not been used. */
static void spend(struct request *req, const struct pieces *pieces)
{
    struct state *state = req->gateway->state;
    struct slice *waiting;
    size_t n;

    if (resumable_finals(&req->task, state, req->principal.user_id, &waiting, &n) != OK || n)
        return; /* one that waits may need them yet */
    for (size_t i = 0; i < pieces->n; i++)
        if (!pieces->list[i].ended_ms && !is_repeated(pieces, i))
            spend_piece(commit_new(&req->task, state, pieces->list[i].partition), &pieces->list[i]);
}

/* Gigabytes may have to be read and written. */
static enum err finish_final(struct ending *ending, const struct pieces *pieces)
{
    struct request *req = ending->req;
    struct state *state = req->gateway->state;
    struct slice key =
        arena_printf(req->task.arena, "concat:%.*s", SLICE_ARG(ending->resumable->id));
    struct slice holder = lease_holder_new(req->task.arena);
    enum err err = lease_take(&req->task, state, key, holder, TURN_MS);

    if (err == ERR_CONFLICT)
        return ERR_LOCKED;
    if (err != OK)
        return err;
    req->task.deadline_ms = 0;
    struct lease_keeper *keeper = lease_keep(state, key, holder, TURN_MS);
    err = join(ending, pieces);
    if (err == OK)
        err = make_media(ending);
    lease_keeper_stop(&req->task, keeper);
    if (err == OK)
        spend(req, pieces);
    return err;
}

enum err mediavault_upload_finish(struct request *req, struct resumable *resumable,
                                  struct slice *detail)
{
    struct ending ending = {.req = req, .resumable = resumable, .detail = detail};
    struct pieces pieces;

    *detail = SLICE_NONE;
    if (resumable->ended_ms || resumable->part == PART_PARTIAL)
        return OK;
    if (resumable->part == PART_WHOLE)
        return finish_whole(&ending);
    enum err err = load_pieces(req, resumable, &pieces);
    if (err == OK && !pieces.complete)
        err = ERR_CONFLICT;
    return err == OK ? finish_final(&ending, &pieces) : err;
}

void mediavault_upload_finish_finals(struct request *req)
{
    struct state *state = req->gateway->state;
    struct slice owner = req->principal.user_id, *ids, detail;
    struct resumable final;
    size_t n;

    if (resumable_finals(&req->task, state, owner, &ids, &n) != OK)
        return;
    for (size_t i = 0; i < n; i++)
        if (resumable_load(&req->task, state, ids[i], owner, &final) == OK)
            mediavault_upload_finish(req, &final, &detail);
}
