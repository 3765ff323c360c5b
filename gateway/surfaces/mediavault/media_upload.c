/* Taking a file in: the form, the blob, then the record. 201 means that all of it is on disk. */
#include "gateway/gateway.h"
#include "gateway/ingest.h"
#include "gateway/surfaces/mediavault/media.h"
#include "gateway/upload_form.h"
#include "handlers.h"

enum { ONCE_MAX = 255 };

static void describe(struct request *req, const struct upload_form *form, struct slice once,
                     struct media *media)
{
    struct slice tags = upload_form_text(form, "tags"), tag;

    *media = (struct media){
        .owner = req->principal.user_id,
        .partition = req->principal.partition,
        .title = upload_form_text(form, "title"),
        .description = upload_form_text(form, "description"),
        .filename = form->filename,
        .mime_type = form->mime_type,
        .size = upload_size(form->upload),
        .once = once,
    };
    while (slice_split(tags, ',', &tag, &tags))
        mediavault_media_add_tag(req->task.arena, media, tag);
}

static void reply_created(struct request *req, const struct media *media)
{
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/media/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(media->id)));
    mediavault_media_reply(req, 201, media);
}

/* A key that was used answers at once, before the body is read. False: the client has its answer.
 */
static bool is_first_or_reply(struct request *req, struct slice once)
{
    struct media media;

    if (once.n == 0)
        return true;
    if (once.n > ONCE_MAX) {
        reply_error(req, ERR_VALIDATION, SLICE("Idempotency-Key has at most 255 characters."));
        return false;
    }
    enum err err =
        media_find_once(&req->task, req->gateway->state, req->principal.user_id, once, &media);
    if (err == ERR_NOT_FOUND)
        return true;
    if (err == OK)
        reply_created(req, &media);
    else
        reply_error(req, err, SLICE_NONE);
    return false;
}

/* Somebody used the key while this body was read: theirs was first. */
static enum err create_once(struct request *req, struct media *media)
{
    enum err err = ingest_media(&req->task, req->gateway->state, media);

    if (err == ERR_CONFLICT && media->once.n) {
        err = media_find_once(&req->task, req->gateway->state, media->owner, media->once, media);
        if (err == ERR_NOT_FOUND)
            err = ERR_CONFLICT;
    }
    return err;
}

void mediavault_media_upload(struct request *req)
{
    uint64_t max_bytes = config_number(req->gateway->config, "upload.max_bytes");
    struct slice once = request_header(req, "Idempotency-Key");
    struct upload_form form;
    struct media media;

    if (!is_first_or_reply(req, once) ||
        !upload_form_read_or_reply(req, SLICE("file"), max_bytes, &form))
        return;
    if (upload_form_text(&form, "collection_id").n) {
        const struct field_error unknown = {SLICE("collection_id"),
                                            SLICE("There is no such collection.")};

        upload_drop(&req->task, form.upload); /* none exists yet, so none can be named */
        reply_field_errors(req, ERR_NOT_FOUND, &unknown, 1);
        return;
    }
    describe(req, &form, once, &media);
    enum err err = upload_keep(&req->task, form.upload, &media.sha256);
    if (err == OK)
        err = create_once(req, &media);
    if (err == OK)
        reply_created(req, &media);
    else
        reply_error(req, err, SLICE_NONE);
}
