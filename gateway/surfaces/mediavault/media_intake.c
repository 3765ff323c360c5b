#include "gateway/surfaces/mediavault/media_intake.h"

#include "gateway/gateway.h"
#include "gateway/ingest.h"
#include "gateway/once_gate.h"
#include "gateway/quota_gate.h"
#include "gateway/surface.h"
#include "gateway/surfaces/mediavault/media.h"
#include "state/collection.h"

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
    if (upload_form_text(form, "collection_id").n) {
        media->collections = ARENA_NEW(req->task.arena, struct slice);
        *media->collections = upload_form_text(form, "collection_id");
        media->collection_count = 1;
    }
}

void mediavault_intake_reply_no_collection(struct request *req)
{
    const struct field_error unknown = {SLICE("collection_id"),
                                        SLICE("You have no such collection.")};

    reply_field_errors(req, ERR_NOT_FOUND, &unknown, 1);
}

/* Before the file is kept; the commit has the last word. */
static bool collection_or_reply(struct request *req, const struct media *media)
{
    struct collection collection;
    enum err err =
        collection_load(&req->task, req->gateway->state, *media->collections, &collection);

    if (err == OK && !slice_eq(collection.owner, media->owner))
        err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        mediavault_intake_reply_no_collection(req);
    else if (err != OK)
        reply_error(req, err, SLICE_NONE);
    return err == OK;
}

bool mediavault_intake_allowed_or_reply(struct request *req, const struct media *media)
{
    if (!quota_text_fits(&req->gateway->quota, media)) {
        quota_reply_text(req);
        return false;
    }
    return !media->collection_count || once_made(req).n || collection_or_reply(req, media);
}

enum err mediavault_intake_make(struct request *req, struct media *media,
                                const struct once_claim *once, const struct usage_bound *bound,
                                const struct media_companion *with)
{
    struct state *state = req->gateway->state;
    enum err err = ingest_media(&req->task, state, media, once, bound, with);

    if (err == ERR_NOT_FOUND && with) {
        media->collection_count = 0;
        err = ingest_media(&req->task, state, media, once, bound, with);
    }
    if (err != OK && err != ERR_STATE_UNAVAILABLE) /* then nobody knows; the claim ends by itself */
        usage_give_back(&req->task, state, media->owner, bound);
    return err;
}

struct slice mediavault_media_path(struct request *req, struct slice id)
{
    return arena_printf(req->task.arena, "%.*s/media/%.*s", SLICE_ARG(req->surface->prefixes[0]),
                        SLICE_ARG(id));
}
