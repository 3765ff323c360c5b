#include "gateway/surfaces/mediavault/collections.h"

#include "gateway/conditions.h"
#include "gateway/gateway.h"
#include "gateway/once_gate.h"
#include "gateway/surfaces/mediavault/state_tag.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"

#include <inttypes.h>

static bool may_change(const struct request *req, const struct collection *collection)
{
    return req->principal.admin || slice_eq(req->principal.user_id, collection->owner);
}

bool mediavault_collection_is_whole(const struct request *req, const struct collection *collection)
{
    return may_change(req, collection);
}

bool mediavault_collection_load_or_reply(struct request *req, struct slice id,
                                         enum collection_right right, struct collection *out)
{
    enum err err = collection_load(&req->task, req->gateway->state, id, out);

    if (err == OK && !out->is_public && !may_change(req, out))
        err = ERR_NOT_FOUND;
    if (err == OK && right == COLLECTION_CHANGE && !may_change(req, out))
        err = ERR_FORBIDDEN;
    return ok_or_reply(req, err);
}

/* JSON */

static void write_collection(struct json_writer *w, const struct collection *collection,
                             const struct collection_view *view)
{
    jw_object(w);
    jw_str(w, "id", collection->id);
    jw_str(w, "user_id", collection->owner);
    jw_str(w, "name", collection->name);
    jw_str_or_null(w, "description", collection->description);
    jw_int(w, "media_count", (int64_t)view->count);
    jw_str_or_null(w, "cover_media_id", view->cover);
    jw_flag(w, "is_public", collection->is_public);
    jw_time(w, "created_at", collection->created_ms);
    jw_time(w, "updated_at", collection->updated_ms);
    jw_object_end(w);
}

static bool look_or_reply(struct request *req, const struct collection *collection,
                          struct collection_view *view)
{
    bool all = mediavault_collection_is_whole(req, collection);

    return ok_or_reply(req,
                       collection_look(&req->task, req->gateway->state, collection, &all, 1, view));
}

void mediavault_collection_reply(struct request *req, int status,
                                 const struct collection *collection)
{
    struct collection_view view;

    if (!look_or_reply(req, collection, &view))
        return;
    struct json_writer w = reply_json(req);
    write_collection(&w, collection, &view);
    reply_header(req, "ETag", state_tag(req->task.arena, collection->rev, buf_slice(w.out)).etag);
    reply_written(req, status);
}

/* What comes in */

/* What the body gives; null empties a text. */
static enum err take_body(struct collection *now, void *arg)
{
    struct request *req = arg;
    const json_t *is_public = json_object_get(req->body, "is_public");
    enum err err = state_tag_permits(req, now->rev, now->updated_ms);

    if (err != OK)
        return err;
    if (json_object_get(req->body, "name"))
        now->name = json_get_slice(req->body, "name");
    if (json_object_get(req->body, "description"))
        now->description = json_get_slice(req->body, "description");
    if (json_object_get(req->body, "cover_media_id"))
        now->cover_media_id = json_get_slice(req->body, "cover_media_id");
    if (is_public)
        now->is_public = json_is_true(is_public);
    return now->name.n + now->description.n <= req->gateway->quota.text_bytes
               ? OK
               : ERR_PAYLOAD_TOO_LARGE;
}

static void reply_text(struct request *req)
{
    reply_error(req, ERR_PAYLOAD_TOO_LARGE,
                arena_printf(req->task.arena,
                             "Name and description may have %" PRIu64 " bytes together.",
                             req->gateway->quota.text_bytes));
}

/* Handlers */

static void reply_created(struct request *req, const struct collection *collection)
{
    reply_header(req, "Location",
                 arena_printf(req->task.arena, "%.*s/collections/%.*s",
                              SLICE_ARG(req->surface->prefixes[0]), SLICE_ARG(collection->id)));
    mediavault_collection_reply(req, 201, collection);
}

static void reply_again(struct request *req)
{
    struct collection collection;
    enum err err = collection_load(&req->task, req->gateway->state, once_made(req), &collection);

    if (ok_or_reply(req, err))
        reply_created(req, &collection);
}

void mediavault_collections_create(struct request *req)
{
    uint64_t most = config_number(req->gateway->config, "collections.per_account");
    struct collection collection = {
        .owner = req->principal.user_id,
        .name = json_get_slice(req->body, "name"),
        .description = json_get_slice(req->body, "description"),
        .is_public = json_is_true(json_object_get(req->body, "is_public")),
    };

    if (once_made(req).n) {
        reply_again(req);
        return;
    }
    if (collection.name.n + collection.description.n > req->gateway->quota.text_bytes) {
        reply_text(req);
        return;
    }
    enum err err = collection_create(&req->task, req->gateway->state, most, &collection, req->once);
    if (err == OK)
        reply_created(req, &collection);
    else if (err == ERR_QUOTA)
        reply_error(
            req, err,
            arena_printf(req->task.arena, "An account can have %" PRIu64 " collections.", most));
    else if (once_overtaken_or_reply(req, err))
        reply_again(req);
}

void mediavault_collections_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct task *task = &req->task;
    struct state *state = req->gateway->state;
    struct collection *list;
    enum err err =
        collection_list(task, state, req->principal.partition, req->principal.user_id,
                        (page.number - 1) * page.size, page.size, &list, &page.count, &page.total);

    if (!ok_or_reply(req, err))
        return;
    struct collection_view *views = ARENA_ARRAY(task->arena, struct collection_view, page.count);
    bool *all = ARENA_ARRAY(task->arena, bool, page.count);
    for (size_t i = 0; i < page.count; i++)
        all[i] = true;
    if (!ok_or_reply(req, collection_look(task, state, list, all, page.count, views)))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < page.count; i++)
        write_collection(&w, &list[i], &views[i]);
    jw_array_end(&w);
    reply_written_page(req, &page);
}

void mediavault_collections_get(struct request *req)
{
    struct collection collection;
    struct collection_view view;

    if (!mediavault_collection_load_or_reply(req, request_param(req, "id"), COLLECTION_SEE,
                                             &collection) ||
        !look_or_reply(req, &collection, &view))
        return;
    struct json_writer w = reply_json(req);
    write_collection(&w, &collection, &view);
    struct validators now = state_tag(req->task.arena, collection.rev, buf_slice(w.out));
    if (conditions_hold_or_reply(req, &now, SLICE("private, no-cache")))
        reply_written(req, 200);
}

void mediavault_collections_update(struct request *req)
{
    const struct field_error no_member = {SLICE("cover_media_id"),
                                          SLICE("Must be a media of this collection.")};
    struct slice id = request_param(req, "id");
    struct collection collection;

    if (!mediavault_collection_load_or_reply(req, id, COLLECTION_CHANGE, &collection))
        return;
    enum err err =
        collection_change(&req->task, req->gateway->state, id, take_body, req, &collection);
    if (err == ERR_PAYLOAD_TOO_LARGE)
        reply_text(req);
    else if (err == ERR_VALIDATION)
        reply_field_errors(req, err, &no_member, 1);
    else if (ok_or_reply(req, err))
        mediavault_collection_reply(req, 200, &collection);
}

static enum err look_before_deletion(struct collection *now, void *req)
{
    return state_tag_permits(req, now->rev, now->updated_ms);
}

void mediavault_collections_delete(struct request *req)
{
    struct collection collection;

    if (!mediavault_collection_load_or_reply(req, request_param(req, "id"), COLLECTION_CHANGE,
                                             &collection))
        return;
    enum err err = collection_delete(&req->task, req->gateway->state, collection.id,
                                     look_before_deletion, req);
    if (ok_or_reply(req, err))
        reply_data(req, 200,
                   arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"deleted\":true}",
                                SLICE_ARG(collection.id)));
}
