#include "gateway/surfaces/mediavault/media.h"

#include "base/clock.h"
#include "gateway/access/signed_link.h"
#include "gateway/conditions.h"
#include "gateway/gateway.h"
#include "gateway/quota_gate.h"
#include "gateway/surfaces/mediavault/state_tag.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"
#include "state/media.h"
#include "store/variant.h"

static bool is_owner(const struct request *req, const struct media *media)
{
    return slice_eq(req->principal.user_id, media->owner);
}

static bool may_change(const struct request *req, const struct media *media)
{
    return is_owner(req, media) || req->principal.admin;
}

static bool may_see(const struct request *req, const struct media *media)
{
    return may_change(req, media) || media->is_public;
}

void mediavault_media_send(struct request *req)
{
    struct media media = {.id = request_param(req, "id")};

    if (record_locate(req->gateway->state, &media) == OK)
        req->loading = record_send(req->gateway->state, req->task.arena, &media);
}

static enum err load(struct request *req, struct media *out)
{
    struct redis_call *call = req->loading;

    *out = (struct media){.id = request_param(req, "id")};
    if (!call)
        return record_load(&req->task, req->gateway->state, out);
    req->loading = NULL;
    record_locate(req->gateway->state, out); /* it was sent, so there is such an id */
    return record_take(&req->task, call, out);
}

bool mediavault_media_load_or_reply(struct request *req, enum media_right right, struct media *out)
{
    enum err err = load(req, out);

    if (err == OK && !may_see(req, out))
        err = ERR_NOT_FOUND;
    if (err == OK && right == MEDIA_CHANGE && !may_change(req, out))
        err = ERR_FORBIDDEN;
    return ok_or_reply(req, err);
}

static bool has_tag(const struct media *media, struct slice tag)
{
    for (size_t i = 0; i < media->tag_count; i++)
        if (slice_eq(media->tags[i], tag))
            return true;
    return false;
}

void mediavault_media_add_tag(struct arena *arena, struct media *media, struct slice tag)
{
    if (!media->tags)
        media->tags = ARENA_ARRAY(arena, struct slice, MEDIA_TAGS_MAX);
    tag = slice_trim(tag);
    if (tag.n && media->tag_count < MEDIA_TAGS_MAX && !has_tag(media, tag))
        media->tags[media->tag_count++] = tag;
}

/* JSON */

static void write_link(struct json_writer *w, struct request *req, const char *key,
                       const struct media *media, const char *what)
{
    struct slice path =
        arena_printf(req->task.arena, "%.*s/media/%.*s/%s", SLICE_ARG(req->surface->prefixes[0]),
                     SLICE_ARG(media->id), what);

    jw_str(w, key,
           link_sign(req->task.arena, &req->gateway->keyring, path, req->principal.user_id,
                     clock_unix_ms() / 1000));
}

/* Of a recording only where its cover was made into one. */
static bool has_picture(const struct media *media)
{
    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (variant_row(v)->kind == VARIANT_THUMBNAIL && variant_exists(VARIANTS_OF(media), v))
            return true;
    return media->type == MEDIA_IMAGE || media->type == MEDIA_VIDEO;
}

static void write_links(struct json_writer *w, struct request *req, const struct media *media)
{
    write_link(w, req, "url", media, "content");
    if (has_picture(media))
        write_link(w, req, "thumbnail_url", media, "thumbnail");
    else
        jw_str_or_null(w, "thumbnail_url", SLICE_NONE);
}

static void write_number_or_null(struct json_writer *w, const char *key, uint64_t value)
{
    if (value)
        jw_int(w, key, (int64_t)value);
    else
        jw_str_or_null(w, key, SLICE_NONE);
}

/* What a player opens by itself: a path of its own for each. */
static void write_renditions(struct json_writer *w, struct request *req, const struct media *media)
{
    jw_key(w, "renditions");
    jw_array(w);
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        const struct variant_row *row = variant_row(v);
        struct variant_made made;

        if (row->kind != VARIANT_RENDITION || !variant_find(VARIANTS_OF(media), v, &made))
            continue;
        struct slice what =
            arena_printf(req->task.arena, "content?variant=%.*s", SLICE_ARG(row->name));
        jw_object(w);
        jw_str(w, "name", row->name);
        jw_str(w, "mime_type", slice_from(made.file->mime));
        write_number_or_null(w, "size", made.size);
        write_link(w, req, "url", media, what.p);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* A text or a number of the worker's object, null where it said nothing. */
static void copy_member(struct json_writer *w, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    jw_key(w, key);
    if (json_is_string(value))
        jw_slice(w, json_get_slice(object, key));
    else if (json_is_integer(value))
        jw_i64(w, json_integer_value(value));
    else if (json_is_real(value))
        jw_double(w, json_real_value(value));
    else
        jw_null(w);
}

static void write_location(struct json_writer *w, const json_t *location)
{
    jw_key(w, "location");
    if (!location) {
        jw_null(w);
        return;
    }
    jw_object(w);
    copy_member(w, location, "latitude");
    copy_member(w, location, "longitude");
    copy_member(w, location, "altitude");
    jw_object_end(w);
}

static void write_metadata(struct json_writer *w, struct request *req, const struct media *media)
{
    static const char *const keys[] = {"camera", "lens", "iso", "exposure", "aperture"};
    const json_t *found = media->metadata.n ? json_parse(req->task.arena, media->metadata) : NULL;

    jw_key(w, "metadata");
    if (!found) {
        jw_null(w);
        return;
    }
    jw_object(w);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        copy_member(w, found, keys[i]);
    write_location(w, is_owner(req, media) ? json_object_get(found, "location") : NULL);
    jw_object_end(w);
}

static void write_failure(struct json_writer *w, const struct media *media)
{
    jw_key(w, "failure");
    if (media->failure_code.n == 0) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_str(w, "code", media->failure_code);
    jw_str(w, "message", media->failure_message);
    jw_object_end(w);
}

static void write_lists(struct json_writer *w, const struct media *media)
{
    jw_key(w, "tags");
    jw_array(w);
    for (size_t i = 0; i < media->tag_count; i++)
        jw_slice(w, media->tags[i]);
    jw_array_end(w);
    jw_key(w, "variants");
    jw_array(w);
    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (variant_row(v)->kind != VARIANT_MASK && variant_exists(VARIANTS_OF(media), v))
            jw_slice(w, variant_row(v)->name);
    jw_array_end(w);
}

/* What the original itself says: its bytes, and what was found in them. */
static void write_content(struct json_writer *w, struct request *req, const struct media *media)
{
    jw_str(w, "type", media_type_name(media->type));
    jw_str(w, "status", media_status_name(media->status));
    jw_str(w, "mime_type", media->mime_type);
    jw_int(w, "size", (int64_t)media->size);
    jw_str(w, "checksum", arena_printf(req->task.arena, "sha256:%.*s", SLICE_ARG(media->sha256)));
    write_number_or_null(w, "width", media->width);
    write_number_or_null(w, "height", media->height);
    jw_key(w, "duration");
    if (media->duration_ms)
        jw_double(w, (double)media->duration_ms / 1000);
    else
        jw_null(w);
    jw_moment(w, "taken_at", media->taken_ms);
    write_metadata(w, req, media);
    write_failure(w, media);
}

void mediavault_media_write(struct json_writer *w, struct request *req, const struct media *media)
{
    jw_object(w);
    jw_str(w, "id", media->id);
    jw_str(w, "user_id", media->owner);
    jw_str(w, "title", media->title);
    jw_str_or_null(w, "description", media->description);
    jw_str_or_null(w, "filename", media->filename);
    write_links(w, req, media);
    write_content(w, req, media);
    write_lists(w, media);
    write_renditions(w, req, media);
    jw_flag(w, "is_public", media->is_public);
    jw_time(w, "created_at", media->created_ms);
    jw_time(w, "updated_at", media->updated_ms);
    jw_object_end(w);
}

void mediavault_media_reply(struct request *req, int status, const struct media *media)
{
    struct json_writer w = reply_json(req);

    mediavault_media_write(&w, req, media);
    reply_header(req, "ETag", state_tag(req->task.arena, media->rev, buf_slice(w.out)).etag);
    reply_written(req, status);
}

/* Handlers */

void mediavault_media_get(struct request *req)
{
    struct media media;

    if (!mediavault_media_load_or_reply(req, MEDIA_SEE, &media))
        return;
    struct json_writer w = reply_json(req);
    mediavault_media_write(&w, req, &media);
    struct validators now = state_tag(req->task.arena, media.rev, buf_slice(w.out));
    if (conditions_hold_or_reply(req, &now, SLICE("private, no-cache")))
        reply_written(req, 200);
}

static enum err look_before_deletion(struct media *now, void *req)
{
    return state_tag_permits(req, now->rev, now->updated_ms);
}

void mediavault_media_delete(struct request *req)
{
    struct media media;

    if (!mediavault_media_load_or_reply(req, MEDIA_CHANGE, &media))
        return;
    enum err err =
        media_delete(&req->task, req->gateway->state, media.id, look_before_deletion, req);
    if (ok_or_reply(req, err))
        reply_data(req, 200,
                   arena_printf(req->task.arena, "{\"id\":\"%.*s\",\"deleted\":true}",
                                SLICE_ARG(media.id)));
}

/* What the body gives; null empties the description. */
static enum err take_body(struct media *now, void *arg)
{
    struct request *req = arg;
    const json_t *tags = json_object_get(req->body, "tags"), *tag;
    const json_t *is_public = json_object_get(req->body, "is_public");
    enum err err = state_tag_permits(req, now->rev, now->updated_ms);
    size_t i;

    if (err != OK)
        return err;
    if (json_object_get(req->body, "title"))
        now->title = json_get_slice(req->body, "title");
    if (json_object_get(req->body, "description"))
        now->description = json_get_slice(req->body, "description");
    if (is_public)
        now->is_public = json_is_true(is_public);
    if (tags) {
        now->tags = NULL;
        now->tag_count = 0;
    }
    json_array_foreach(tags, i, tag) mediavault_media_add_tag(
        req->task.arena, now, (struct slice){json_string_value(tag), json_string_length(tag)});
    return quota_text_fits(&req->gateway->quota, now) ? OK : ERR_PAYLOAD_TOO_LARGE;
}

void mediavault_media_update(struct request *req)
{
    struct media media;

    if (!mediavault_media_load_or_reply(req, MEDIA_CHANGE, &media))
        return;
    enum err err = media_change(&req->task, req->gateway->state, request_param(req, "id"),
                                take_body, req, &media);
    if (err == ERR_PAYLOAD_TOO_LARGE)
        quota_reply_text(req);
    else if (ok_or_reply(req, err))
        mediavault_media_reply(req, 200, &media);
}
