/* Bytes of a resumable upload, from a request's body into its file. */
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/reply.h"
#include "gateway/surfaces/mediavault/tus.h"
#include "gateway/surfaces/mediavault/uploads.h"
#include "store/sniff.h"

#include <inttypes.h>

enum {
    SILENT_MS = 3000, /* then a sender who comes back may take the place of his old connection */
    TAKE_OVER_MS = 1000,
    LOOK_MS = 20,
};

struct transfer {
    struct transfer *next, **prev_next; /* of this process */
    struct request *req;
    struct resumable *resumable;
    struct upload_resumption how;
    struct upload *upload;
    uint64_t offset; /* where this body begins */
    bool proven;     /* there is a checksum, or there will be one */
    bool judged;
    struct tus_checksum checksum;
    struct field_error problem;
};

static struct transfer *transfers;

static void enlist(struct transfer *transfer)
{
    transfer->next = transfers;
    transfer->prev_next = &transfers;
    if (transfers)
        transfers->prev_next = &transfer->next;
    transfers = transfer;
}

static void delist(struct transfer *transfer)
{
    *transfer->prev_next = transfer->next;
    if (transfer->next)
        transfer->next->prev_next = transfer->prev_next;
}

/* A line that broke without a word looks like a sender who pauses. */
static bool stop_silent(struct slice id)
{
    bool stopped = false;

    for (struct transfer *other = transfers; other; other = other->next)
        if (slice_eq(other->resumable->id, id))
            stopped |= exchange_stop_silent(other->req->exchange, SILENT_MS);
    return stopped;
}

static bool is_listed(struct slice id)
{
    for (const struct transfer *other = transfers; other; other = other->next)
        if (slice_eq(other->resumable->id, id))
            return true;
    return false;
}

void mediavault_upload_stop_silent(struct slice id)
{
    if (!stop_silent(id))
        return;
    for (unsigned ms = 0; is_listed(id) && ms < TAKE_OVER_MS; ms += LOOK_MS)
        fiber_sleep(LOOK_MS);
}

uint64_t mediavault_upload_most(const struct request *req, const struct resumable *resumable)
{
    return resumable->deferred ? config_number(req->gateway->config, "upload.max_bytes")
                               : resumable->length;
}

/* -- Before the first byte -------------------------------------------------------------------- */

static enum err read_checksum(struct transfer *transfer, struct slice value)
{
    return tus_checksum_parse(transfer->req->task.arena, value, &transfer->checksum,
                              &transfer->problem);
}

static enum err expect_proof(struct transfer *transfer)
{
    struct request *req = transfer->req;
    struct slice value = request_header(req, "Upload-Checksum");

    transfer->proven =
        value.p || http1_list_has(request_list(req, "Trailer"), SLICE("Upload-Checksum"));
    return value.p ? read_checksum(transfer, value) : OK;
}

static void let_go(struct transfer *transfer)
{
    upload_pause(&transfer->req->task, transfer->upload);
}

/* Since the record was loaded the lock was taken: is it still the same? */
static enum err look_again(struct transfer *transfer)
{
    struct request *req = transfer->req;
    struct resumable now, *was = transfer->resumable;
    enum err err = resumable_load(&req->task, req->gateway->state, was->id, was->owner, &now);

    if (err == OK && (now.ended_ms || now.rev != was->rev))
        err = ERR_LOCKED;
    if (err == ERR_NOT_FOUND)
        upload_drop(&req->task, transfer->upload);
    else if (err != OK)
        let_go(transfer);
    return err;
}

static enum err check_place(struct transfer *transfer)
{
    struct request *req = transfer->req;
    uint64_t size = upload_size(transfer->upload);
    uint64_t most = mediavault_upload_most(req, transfer->resumable);

    if (size != transfer->offset) {
        reply_header(req, "Upload-Offset", arena_printf(req->task.arena, "%" PRIu64, size));
        return ERR_CONFLICT;
    }
    return req->head.content_length > most - size ? ERR_PAYLOAD_TOO_LARGE : OK;
}

static enum err note_doubt(struct transfer *transfer)
{
    struct request *req = transfer->req;

    if (!transfer->proven && !transfer->resumable->doubt)
        return OK;
    return resumable_set_doubt(&req->task, req->gateway->state, transfer->resumable,
                               transfer->proven, transfer->offset);
}

static enum err begin(struct transfer *transfer)
{
    struct request *req = transfer->req;
    struct resumable *resumable = transfer->resumable;

    transfer->how = (struct upload_resumption){
        .name = resumable->id,
        .proven_bytes = resumable->doubt ? resumable->doubt_from : UINT64_MAX,
        .expected_bytes = req->head.content_length,
        .provisional = transfer->proven,
    };
    enum err err =
        upload_resume(&req->task, req->gateway->store, mediavault_upload_most(req, resumable),
                      &transfer->how, &transfer->upload);
    if (err == OK)
        err = look_again(transfer);
    if (err != OK)
        return err;
    err = check_place(transfer);
    if (err == OK)
        err = note_doubt(transfer);
    if (err != OK)
        let_go(transfer);
    return err;
}

/* -- The body --------------------------------------------------------------------------------- */

/* Pieces are judged when they have become a whole. */
static enum err judge(struct transfer *transfer)
{
    struct slice head = upload_head(transfer->upload);

    if (transfer->judged || transfer->resumable->part != PART_WHOLE || head.n < SNIFF_BYTES)
        return OK;
    transfer->judged = true;
    return sniff_mime(head).n ? OK : ERR_UNSUPPORTED_MEDIA;
}

static enum err take_body(struct transfer *transfer)
{
    struct request *req = transfer->req;
    struct slice chunk;
    enum err err;

    transfer->judged = transfer->offset >= SNIFF_BYTES;
    while ((err = request_read(req, &chunk)) == OK && chunk.n) {
        err = upload_write(&req->task, transfer->upload, chunk);
        if (err == OK)
            err = judge(transfer);
        if (err != OK)
            break;
    }
    return err;
}

static enum err await_proof(struct transfer *transfer)
{
    struct slice trailer = request_trailer(transfer->req, "Upload-Checksum");

    if (transfer->checksum.digest)
        return OK;
    if (trailer.p)
        return read_checksum(transfer, trailer);
    transfer->problem = (struct field_error){
        SLICE("Upload-Checksum"), SLICE("Was announced as a trailer, and did not come.")};
    return ERR_VALIDATION;
}

static enum err compare(struct transfer *transfer)
{
    enum err err = await_proof(transfer);

    if (err == OK)
        err = upload_digest(&transfer->req->task, transfer->upload, transfer->offset,
                            transfer->checksum.digest);
    if (err == OK && !tus_checksum_matches(&transfer->checksum))
        err = ERR_CHECKSUM_MISMATCH;
    return err;
}

/* -- After the last byte ---------------------------------------------------------------------- */

static enum err settle_doubt(struct transfer *transfer)
{
    struct request *req = transfer->req;

    return transfer->proven
               ? resumable_set_doubt(&req->task, req->gateway->state, transfer->resumable, false, 0)
               : OK;
}

static void take_back(struct transfer *transfer)
{
    if (upload_rewind(&transfer->req->task, transfer->upload, transfer->offset) == OK)
        settle_doubt(transfer);
}

static void end_refused(struct transfer *transfer)
{
    struct request *req = transfer->req;

    upload_drop(&req->task, transfer->upload);
    resumable_remove(&req->task, req->gateway->state, transfer->resumable);
}

/* Ends the upload's part in this request, whatever has come of it. */
static enum err end(struct transfer *transfer, enum err err)
{
    if (err == OK && transfer->proven)
        err = compare(transfer);
    if (err == ERR_UNSUPPORTED_MEDIA) {
        end_refused(transfer);
    } else if (err != OK && (transfer->proven || err == ERR_PAYLOAD_TOO_LARGE)) {
        take_back(transfer);
    } else {
        enum err paused = upload_pause(&transfer->req->task, transfer->upload);
        if (err == OK)
            err = paused;
        if (err == OK)
            err = settle_doubt(transfer);
    }
    return err;
}

static void reply_refusal(struct transfer *transfer, enum err err)
{
    struct request *req = transfer->req;

    if (err == ERR_LOCKED)
        reply_header(req, "Retry-After", SLICE("1"));
    if (transfer->problem.field.n)
        reply_field_errors(req, err, &transfer->problem, 1);
    else if (err == ERR_CONFLICT)
        reply_error(req, err, SLICE("The upload has not come so far, or farther."));
    else if (err == ERR_UNSUPPORTED_MEDIA)
        reply_error(req, err,
                    arena_printf(req->task.arena,
                                 "By its content it is none of the formats that are taken: %.*s.",
                                 SLICE_ARG(sniff_formats())));
    else
        reply_error(req, err, SLICE_NONE);
}

bool mediavault_upload_receive_or_reply(struct request *req, struct resumable *resumable,
                                        uint64_t *offset)
{
    struct transfer transfer = {.req = req, .resumable = resumable, .offset = *offset};
    enum err err = expect_proof(&transfer);

    if (err == OK)
        err = begin(&transfer);
    if (err == OK) {
        enlist(&transfer);
        err = take_body(&transfer);
        *offset = upload_size(transfer.upload);
        err = end(&transfer, err);
        delist(&transfer);
    }
    digest_free(transfer.checksum.digest);
    if (err != OK)
        reply_refusal(&transfer, err);
    return err == OK;
}
