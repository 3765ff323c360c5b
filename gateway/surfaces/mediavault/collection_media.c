/* What is in a collection, and where: adding, listing, moving, taking out. */
#include "gateway/gateway.h"
#include "gateway/surfaces/mediavault/collections.h"
#include "gateway/surfaces/mediavault/media.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"

static bool refuse(struct request *req, enum err why, const char *field, struct slice message)
{
    reply_field_errors(req, why, &(struct field_error){slice_from(field), message}, 1);
    return false;
}

static bool change_or_reply(struct request *req, struct collection *out)
{
    return mediavault_collection_load_or_reply(req, request_param(req, "id"), COLLECTION_CHANGE,
                                               out);
}

/* `media_ids`, or `media_id` for one. */
static bool ids_or_reply(struct request *req, struct slice **out, size_t *n)
{
    const json_t *many = json_object_get(req->body, "media_ids"), *item;
    struct slice one = json_get_slice(req->body, "media_id");
    size_t i;

    if ((many != NULL) == (one.p != NULL))
        return refuse(req, ERR_VALIDATION, "media_ids", SLICE("Give media_ids or media_id."));
    *n = many ? json_array_size(many) : 1;
    *out = ARENA_ARRAY(req->task.arena, struct slice, *n);
    if (!many)
        **out = one;
    json_array_foreach(many, i, item)(*out)[i] =
        (struct slice){json_string_value(item), json_string_length(item)};
    return true;
}

/* As it is after a change of its members. */
static void reply_now(struct request *req, struct slice id)
{
    struct collection collection;

    if (ok_or_reply(req, collection_load(&req->task, req->gateway->state, id, &collection)))
        mediavault_collection_reply(req, 200, &collection);
}

static void reply_not_added(struct request *req, enum err err, struct slice culprit)
{
    struct arena *arena = req->task.arena;

    if (err == ERR_NOT_FOUND && culprit.n)
        refuse(req, err, "media_ids",
               arena_printf(arena, "There is no media %.*s of the owner.", SLICE_ARG(culprit)));
    else if (err == ERR_QUOTA && culprit.n)
        reply_error(req, err,
                    arena_printf(arena, "%.*s is in %d collections already.", SLICE_ARG(culprit),
                                 COLLECTIONS_OF_MEDIA_MAX));
    else if (err == ERR_QUOTA)
        reply_error(req, err,
                    arena_printf(arena, "A collection can have %d media.", COLLECTION_MEDIA_MAX));
    else
        reply_error(req, err, SLICE_NONE);
}

void mediavault_collection_media_add(struct request *req)
{
    struct collection collection;
    struct slice *ids, culprit;
    size_t n;

    if (!change_or_reply(req, &collection) || !ids_or_reply(req, &ids, &n))
        return;
    enum err err = collection_add(&req->task, req->gateway->state, &collection, ids, n, &culprit);
    if (err == OK)
        reply_now(req, collection.id);
    else
        reply_not_added(req, err, culprit);
}

void mediavault_collection_media_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct collection collection;
    struct media *media;

    if (!mediavault_collection_load_or_reply(req, request_param(req, "id"), COLLECTION_SEE,
                                             &collection))
        return;
    enum err err = collection_members(&req->task, req->gateway->state, &collection,
                                      mediavault_collection_is_whole(req, &collection),
                                      (page.number - 1) * page.size, page.size, &media, &page.count,
                                      &page.total);
    if (!ok_or_reply(req, err))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < page.count; i++)
        mediavault_media_write(&w, req, &media[i]);
    jw_array_end(&w);
    reply_written_page(req, &page);
}

void mediavault_collection_media_remove(struct request *req)
{
    struct slice media_id = request_param(req, "media_id");
    struct collection collection;

    if (change_or_reply(req, &collection) &&
        ok_or_reply(req,
                    collection_take_out(&req->task, req->gateway->state, &collection, media_id)))
        reply_data(req, 200,
                   arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"deleted\":true}",
                                SLICE_ARG(media_id)));
}

static bool place_or_reply(struct request *req, struct collection_place *out)
{
    struct slice before = json_get_slice(req->body, "before");
    struct slice after = json_get_slice(req->body, "after");
    uint64_t position = 0;
    bool at = json_get_u64(req->body, "position", &position);

    if ((before.p != NULL) + (after.p != NULL) + at != 1)
        return refuse(req, ERR_VALIDATION, "position",
                      SLICE("Give one of before, after and position."));
    *out = (struct collection_place){
        .anchor = before.p ? before : after, .after = after.p != NULL, .at = at ? position - 1 : 0};
    return true;
}

static bool distinct_or_reply(struct request *req, const struct slice *ids, size_t n,
                              struct slice anchor)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq(ids[i], anchor))
            return refuse(req, ERR_VALIDATION, "media_ids",
                          SLICE("Must not have the one that they go to."));
        for (size_t k = 0; k < i; k++)
            if (slice_eq(ids[i], ids[k]))
                return refuse(req, ERR_VALIDATION, "media_ids",
                              SLICE("Must not have one of them twice."));
    }
    return true;
}

void mediavault_collection_media_move(struct request *req)
{
    struct collection collection;
    struct collection_place place;
    struct slice *ids;
    size_t n;

    if (!change_or_reply(req, &collection) || !ids_or_reply(req, &ids, &n) ||
        !place_or_reply(req, &place) || !distinct_or_reply(req, ids, n, place.anchor))
        return;
    enum err err = collection_move(&req->task, req->gateway->state, &collection, ids, n, &place);
    if (err == ERR_NOT_FOUND)
        reply_error(req, err, SLICE("One of these media is not in this collection."));
    else if (ok_or_reply(req, err))
        reply_now(req, collection.id);
}
