/* Taking a file in: the form, the blob, then the record. 201 means that all of it is on disk. */
#include "gateway/gateway.h"
#include "gateway/surfaces/mediavault/media.h"
#include "gateway/upload_form.h"
#include "handlers.h"

#include <assert.h>

enum { ONCE_MAX = 255 };

static enum media_type type_of(struct slice mime_type)
{
    struct slice group, rest;
    enum media_type type = MEDIA_DOCUMENT;
    bool known = slice_split(mime_type, '/', &group, &rest) && media_type_parse(group, &type);

    assert(known); /* what is taken is an image, a video or audio: their names are the groups */
    (void)known;
    return type;
}

/* What nobody named is called like its file. */
static struct slice title_of(const struct upload_form *form)
{
    struct slice title = slice_trim(upload_form_text(form, "title"));

    if (title.n == 0)
        title = mediavault_filename_stem(form->filename);
    return title.n ? title : SLICE("Untitled");
}

static void describe(struct request *req, const struct upload_form *form, struct slice once,
                     struct media *media)
{
    struct slice tags = upload_form_text(form, "tags"), tag;

    *media = (struct media){
        .owner = req->principal.user_id,
        .partition = req->principal.partition,
        .title = title_of(form),
        .description = upload_form_text(form, "description"),
        .filename = form->filename,
        .mime_type = form->mime_type,
        .type = type_of(form->mime_type),
        .size = upload_size(form->upload),
        .once = once,
    };
    while (slice_split(tags, ',', &tag, &tags))
        mediavault_media_add_tag(req->task.arena, media, tag);
    media->status = media->type == MEDIA_AUDIO ? MEDIA_READY : MEDIA_PROCESSING;
}

static enum err create(struct request *req, struct media *media)
{
    struct job job = {
        .kind = media->type == MEDIA_VIDEO ? JOB_VIDEO : JOB_IMAGE,
        .lane = LANE_FRESH,
    };

    return media_create(&req->task, req->gateway->state, media,
                        media->status == MEDIA_PROCESSING ? &job : NULL);
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
    enum err err = create(req, media);

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
