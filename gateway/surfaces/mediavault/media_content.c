/* The bytes of a media record: the original, and what was derived from it. */
#include "gateway/download.h"
#include "gateway/gateway.h"
#include "gateway/ingest.h"
#include "gateway/surfaces/mediavault/media.h"
#include "handlers.h"
#include "state/job_kind.h"
#include "state/lease.h"
#include "store/store_content.h"

#include <inttypes.h>

/* An original never changes, but the right to see it may end: an hour, as long as a link lives. */
#define ORIGINAL_CACHING "private, max-age=3600"
enum { MASK_ASK_AGAIN_MS = 60000 };
/* A thumbnail may be made anew. */
#define VARIANT_CACHING "private, max-age=604800"

static bool is_coming(const struct media *media, const struct variant_row *row)
{
    if (row->kind == VARIANT_RENDITION && media->status == MEDIA_READY)
        return media->type == MEDIA_VIDEO && !media->rendition_failed;
    return media->status == MEDIA_PROCESSING;
}

static bool has_failed(const struct media *media, const struct variant_row *row)
{
    if (row->kind == VARIANT_RENDITION && media->status == MEDIA_READY)
        return media->rendition_failed;
    return media->failure_code.n > 0;
}

static void reply_not_made(struct request *req, const struct media *media,
                           const struct variant_row *row)
{
    if (is_coming(media, row)) {
        reply_header(req, "Retry-After", SLICE("1"));
        reply_error(req, ERR_NOT_FOUND, SLICE("It is being made; try again shortly."));
    } else if (has_failed(media, row))
        reply_error(req, ERR_NOT_FOUND,
                    arena_printf(req->task.arena, "It could not be made: %.*s",
                                 SLICE_ARG(media->failure_message)));
    else
        reply_error(req, ERR_NOT_FOUND, SLICE("There is no such variant of this."));
}

/* "sea.mov" -> "sea-720p.mp4" */
static struct slice variant_filename(struct arena *arena, const struct media *media,
                                     const struct variant_file *file)
{
    struct slice stem = filename_stem(media->filename);

    return arena_printf(arena, "%.*s-%.*s", SLICE_ARG(stem), SLICE_ARG(file->name));
}

/* Opens the file that the record names. Made anew since the record was read, it is another one by
 * now. */
static enum err open_variant(struct request *req, struct media *media, enum variant variant,
                             struct variant_made *made, int *fd, uint64_t *size)
{
    struct task *task = &req->task;
    struct store *store = req->gateway->store;
    enum err err = store_made_open(task, store, media->sha256, variant, made, fd, size);

    if (err != ERR_NOT_FOUND)
        return err;
    err = media_load(task, req->gateway->state, media->id, media);
    if (err == OK && !variant_find(VARIANTS_OF(media), variant, made))
        err = ERR_NOT_FOUND;
    return err == OK ? store_made_open(task, store, media->sha256, variant, made, fd, size) : err;
}

static struct slice variant_etag(struct arena *arena, const struct media *media,
                                 const struct variant_made *made, uint64_t size)
{
    if (made->etag.n)
        return arena_printf(arena, "\"%.*s\"", SLICE_ARG(made->etag));
    return arena_printf(arena, "\"%.*s-%.*s-%" PRIx64 "\"", SLICE_ARG(media->sha256),
                        SLICE_ARG(made->file->name), size);
}

static void reply_variant(struct request *req, struct media *media, enum variant variant)
{
    struct arena *arena = req->task.arena;
    struct variant_made made;
    uint64_t size;
    int fd;

    if (!variant_find(VARIANTS_OF(media), variant, &made)) {
        reply_not_made(req, media, variant_row(variant));
        return;
    }
    if (!ok_or_reply(req, open_variant(req, media, variant, &made, &fd, &size)))
        return;
    download_reply(req, &(struct download){
                            .fd = fd,
                            .size = size,
                            .etag = variant_etag(arena, media, &made, size),
                            .content_type = made.file->mime,
                            .filename = variant_filename(arena, media, made.file),
                            .cache_control = SLICE(VARIANT_CACHING),
                        });
}

/* Made before masks were: the job is asked for once a minute, however many look. */
static void ask_for_mask(struct request *req, const struct media *media)
{
    struct arena *arena = req->task.arena;
    struct slice key = arena_printf(arena, "mask:%.*s", SLICE_ARG(media->id));
    size_t n;
    struct slice *rows = variant_asked(arena, VARIANTS_OF(media), NULL, &n);

    if (lease_take(&req->task, req->gateway->state, key, lease_holder_new(arena),
                   MASK_ASK_AGAIN_MS) == OK)
        media_regenerate(&req->task, req->gateway->state, media, rows, n,
                         job_kind_for(media->type));
}

/* How somebody sees an original: what only its owner is to see of a picture, clip or recording is
 * blanked, by a mask that has an ETag too. */
struct view {
    struct mask *mask; /* NULL: all of it */
    struct slice etag;
};

static struct slice masked_etag(struct arena *arena, const struct media *media,
                                const struct variant_made *made)
{
    return arena_printf(arena, "\"%.*s-%.*s\"", SLICE_ARG(media->sha256),
                        SLICE_ARG(made->etag.n ? made->etag : SLICE("public")));
}

/* Until it is known what strangers may not see, nothing leaves. */
static bool view_or_reply(struct request *req, struct media *media, struct view *view)
{
    struct arena *arena = req->task.arena;
    bool masked = media->type != MEDIA_DOCUMENT;
    struct variant_made made;
    uint64_t size;
    int fd;

    *view = (struct view){.etag = arena_printf(arena, "\"%.*s\"", SLICE_ARG(media->sha256))};
    if (!masked || slice_eq(req->principal.user_id, media->owner))
        return true;
    if (!variant_find(VARIANTS_OF(media), VARIANT_PRIVATE, &made)) {
        if (media->status == MEDIA_READY)
            ask_for_mask(req, media);
        if (media->status != MEDIA_PROCESSING)
            reply_header(req, "Retry-After", SLICE("1"));
        reply_not_made(req, media, variant_row(VARIANT_PRIVATE));
        return false;
    }
    view->mask = ARENA_NEW(arena, struct mask);
    enum err err = open_variant(req, media, VARIANT_PRIVATE, &made, &fd, &size);
    if (err == OK)
        err = store_mask_read(&req->task, fd, size, view->mask);
    view->etag = masked_etag(arena, media, &made);
    return ok_or_reply(req, err == ERR_CONFLICT ? ERR_INTERNAL : err);
}

static void reply_original(struct request *req, struct media *media)
{
    struct view view;
    uint64_t size;
    int fd;

    if (!view_or_reply(req, media, &view))
        return;
    enum err err = store_blob_open(&req->task, req->gateway->store, media->sha256, &fd, &size);
    if (!ok_or_reply(req, err))
        return;
    download_reply(req, &(struct download){
                            .fd = fd,
                            .size = size,
                            .etag = view.etag,
                            .mask = view.mask,
                            .modified_ms = media->created_ms,
                            .content_type = arena_cstr(req->task.arena, media->mime_type),
                            .filename = media->filename,
                            .cache_control = SLICE(ORIGINAL_CACHING),
                        });
}

void mediavault_media_content(struct request *req)
{
    enum variant variant;
    struct media media;

    if (!mediavault_media_load_or_reply(req, MEDIA_SEE, &media))
        return;
    if (variant_parse(request_query(req, "variant"), &variant)) /* the schema knows the names */
        reply_variant(req, &media, variant);
    else
        reply_original(req, &media);
}

void mediavault_media_thumbnail(struct request *req)
{
    enum variant variant;
    struct media media;

    if (!variant_parse(request_query(req, "size"), &variant))
        variant = VARIANT_MEDIUM;
    if (mediavault_media_load_or_reply(req, MEDIA_SEE, &media))
        reply_variant(req, &media, variant);
}
