#include "gateway/surfaces/mediavault/media_intake.h"

#include "gateway/gateway.h"
#include "gateway/ingest.h"
#include "gateway/quota_gate.h"
#include "gateway/surface.h"
#include "gateway/surfaces/mediavault/media.h"

void mediavault_intake_describe(struct request *req, const struct upload_form *form,
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
        .size = form->upload ? upload_size(form->upload) : 0,
    };
    while (slice_split(tags, ',', &tag, &tags))
        mediavault_media_add_tag(req->task.arena, media, tag);
}

bool mediavault_intake_allowed_or_reply(struct request *req, const struct upload_form *form,
                                        const struct media *media)
{
    if (upload_form_text(form, "collection_id").n) {
        const struct field_error unknown = {SLICE("collection_id"),
                                            SLICE("There is no such collection.")};

        reply_field_errors(req, ERR_NOT_FOUND, &unknown, 1); /* none exists yet */
        return false;
    }
    if (quota_text_fits(&req->gateway->quota, media))
        return true;
    quota_reply_text(req);
    return false;
}

enum err mediavault_intake_make(struct request *req, struct media *media,
                                const struct once_claim *once, const struct usage_bound *bound,
                                const struct media_companion *with)
{
    enum err err = ingest_media(&req->task, req->gateway->state, media, once, bound, with);

    if (err != OK && err != ERR_STATE_UNAVAILABLE) /* then nobody knows; the claim ends by itself */
        usage_give_back(&req->task, req->gateway->state, media->owner, bound);
    return err;
}

struct slice mediavault_media_path(struct request *req, struct slice id)
{
    return arena_printf(req->task.arena, "%.*s/media/%.*s", SLICE_ARG(req->surface->prefixes[0]),
                        SLICE_ARG(id));
}
