/* Taking a file in: the form, the blob, then the record. 201 means that all of it is on disk. */
#include "gateway/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/once_gate.h"
#include "gateway/quota_gate.h"
#include "gateway/surfaces/mediavault/media.h"
#include "gateway/surfaces/mediavault/media_intake.h"
#include "handlers.h"

static void reply_created(struct request *req, const struct media *media)
{
    reply_header(req, "Location", mediavault_media_path(req, media->id));
    mediavault_media_reply(req, 201, media);
}

/* The key made this file's record before. */
static void reply_again(struct request *req)
{
    struct media media;
    enum err err = media_load(&req->task, req->gateway->state, once_made(req), &media);

    if (ok_or_reply(req, err))
        reply_created(req, &media);
}

/* The file by its hash, its name, and all that is said of it: two forms with other boundaries are
 * the same. */
static struct slice digest(struct arena *arena, const struct upload_form *form, struct slice sha256)
{
    struct slice text =
        arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(sha256), SLICE_ARG(form->filename));

    for (size_t i = 0; i < form->text_count; i++)
        text =
            arena_printf(arena, "%.*s\n%.*s=%zu:%.*s", SLICE_ARG(text), SLICE_ARG(form->names[i]),
                         form->values[i].n, SLICE_ARG(form->values[i]));
    return text;
}

static void create_and_reply(struct request *req, struct media *media,
                             const struct usage_bound *bound)
{
    enum err err = mediavault_intake_make(req, media, req->once, bound, NULL);

    if (err == OK)
        reply_created(req, media);
    else if (err == ERR_NOT_FOUND)
        mediavault_intake_reply_no_collection(req);
    else if (once_overtaken_or_reply(req, err))
        reply_again(req);
}

/* Takes the upload. */
static void keep_and_reply(struct request *req, const struct upload_form *form, struct media *media)
{
    struct usage_bound bound = {.claim = SLICE_NONE};
    struct task *task = &req->task;
    enum err err = dispatch_still_admitted(req);

    if (err == OK && !once_made(req).n)
        err = quota_take(req, media->size, &bound);
    if (err != OK)
        upload_drop(task, form->upload);
    else
        err = upload_keep(task, form->upload, &media->sha256);
    if (ok_or_reply(req, err) &&
        once_judge_or_reply(req, digest(task->arena, form, media->sha256))) {
        if (!once_made(req).n) {
            create_and_reply(req, media, &bound);
            return;
        }
        reply_again(req);
    }
    usage_give_back(task, req->gateway->state, media->owner, &bound);
}

void mediavault_media_upload(struct request *req)
{
    struct upload_form_bounds bounds = {
        .max_bytes = config_number(req->gateway->config, "upload.max_bytes"),
        .room_bytes = UINT64_MAX,
    };
    struct upload_form form;
    struct media media;

    if ((!once_made(req).n && !quota_enter_or_reply(req, &bounds.room_bytes)) ||
        !upload_form_read_or_reply(req, SLICE("file"), &bounds, &form))
        return;
    mediavault_intake_describe(req, &form, &media);
    if (mediavault_intake_allowed_or_reply(req, &media))
        keep_and_reply(req, &form, &media);
    else
        upload_drop(&req->task, form.upload);
}
