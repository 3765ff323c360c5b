/* Taking a file in: the form, the blob, then the record. 201 means that all of it is on disk. */
#include "gateway/gateway.h"
#include "gateway/surfaces/mediavault/media.h"
#include "gateway/upload_form.h"
#include "handlers.h"

#include <assert.h>

enum { TAGS_MAX = 64 };

static enum media_type type_of(struct slice mime_type)
{
    struct slice group, rest;
    enum media_type type = MEDIA_DOCUMENT;
    bool known = slice_split(mime_type, '/', &group, &rest) && media_type_parse(group, &type);

    assert(known); /* what is taken is an image, a video or audio: their names are the groups */
    (void)known;
    return type;
}

static bool has_tag(const struct media *media, struct slice tag)
{
    for (size_t i = 0; i < media->tag_count; i++)
        if (slice_eq(media->tags[i], tag))
            return true;
    return false;
}

/* "sea, night,,sea" is two tags. */
static void read_tags(struct arena *arena, struct slice list, struct media *media)
{
    struct slice tag;

    media->tags = ARENA_ARRAY(arena, struct slice, TAGS_MAX);
    while (media->tag_count < TAGS_MAX && slice_split(list, ',', &tag, &list)) {
        tag = slice_trim(tag);
        if (tag.n && !has_tag(media, tag))
            media->tags[media->tag_count++] = tag;
    }
}

/* What nobody named is called like its file. */
static struct slice title_of(const struct upload_form *form)
{
    struct slice title = slice_trim(upload_form_text(form, "title"));

    if (title.n == 0)
        title = mediavault_filename_stem(form->filename);
    return title.n ? title : SLICE("Untitled");
}

static void describe(struct request *req, const struct upload_form *form, struct media *media)
{
    *media = (struct media){
        .owner = req->principal.user_id,
        .partition = req->principal.partition,
        .title = title_of(form),
        .description = upload_form_text(form, "description"),
        .filename = form->filename,
        .mime_type = form->mime_type,
        .type = type_of(form->mime_type),
        .size = upload_size(form->upload),
    };
    read_tags(req->task.arena, upload_form_text(form, "tags"), media);
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

/* None exists yet, so none can be named. */
static bool collection_or_reply(struct request *req, const struct upload_form *form)
{
    const struct field_error unknown = {SLICE("collection_id"),
                                        SLICE("There is no such collection.")};

    if (upload_form_text(form, "collection_id").n == 0)
        return true;
    reply_field_errors(req, ERR_NOT_FOUND, &unknown, 1);
    return false;
}

void mediavault_media_upload(struct request *req)
{
    uint64_t max_bytes = config_number(req->gateway->config, "upload.max_bytes");
    struct upload_form form;
    struct media media;

    if (!upload_form_read_or_reply(req, SLICE("file"), max_bytes, &form))
        return;
    if (!collection_or_reply(req, &form)) {
        upload_drop(&req->task, form.upload);
        return;
    }
    describe(req, &form, &media);
    enum err err = upload_keep(&req->task, form.upload, &media.sha256);
    if (err == OK)
        err = create(req, &media);
    if (err != OK) {
        reply_error(req, err, SLICE_NONE);
        return;
    }
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/media/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(media.id)));
    mediavault_media_reply(req, 201, &media);
}
