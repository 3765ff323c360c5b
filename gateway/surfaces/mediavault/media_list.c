/* GET /media: a page of the caller's media, or for admins of everybody's. */
#include "gateway/surfaces/mediavault/media.h"

#include "base/clock.h"
#include "gateway/catalogue_gate.h"
#include "gateway/gateway.h"
#include "gateway/surfaces/mediavault/collections.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"

static bool refuse(struct request *req, const char *field, struct slice message)
{
    reply_field_errors(req, ERR_VALIDATION, &(struct field_error){slice_from(field), message}, 1);
    return false;
}

static bool moment_or_reply(struct request *req, const char *name, int64_t *from, int64_t *before)
{
    return clock_parse_span(request_query(req, name), from, before) ||
           refuse(req, name, SLICE("Must be a date, or a date and time with its zone."));
}

/* *by: one of the two is given. */
static bool span_or_reply(struct request *req, const char *from_name, const char *to_name, bool *by,
                          int64_t *from, int64_t *before)
{
    int64_t unused;

    *from = INT64_MIN;
    *before = INT64_MAX;
    *by = false;
    if (request_query(req, from_name).p) {
        *by = true;
        if (!moment_or_reply(req, from_name, from, &unused))
            return false;
    }
    if (request_query(req, to_name).p) {
        *by = true;
        if (!moment_or_reply(req, to_name, &unused, before))
            return false;
    }
    return true;
}

static enum catalogue_sort sort_of(struct slice name)
{
    if (slice_eq(name, SLICE("title")))
        return SORT_TITLE;
    if (slice_eq(name, SLICE("size")))
        return SORT_SIZE;
    return slice_eq(name, SLICE("taken_at")) ? SORT_TAKEN_MS : SORT_CREATED_MS;
}

static bool cursor_or_reply(struct request *req, struct list_filter *filter)
{
    struct slice cursor = request_query(req, "cursor");

    return !cursor.n || list_cursor_parse(req->task.arena, cursor, filter, &filter->after) ||
           refuse(req, "cursor", SLICE("Must be the next_cursor of this list in this order."));
}

/* Records may name one that is deleted for a while. */
static bool collection_or_reply(struct request *req, struct slice id)
{
    struct collection collection;

    return !id.n || mediavault_collection_load_or_reply(req, id, COLLECTION_SEE, &collection);
}

/* The schema has checked the words. */
static bool filter_or_reply(struct request *req, const struct page *page, struct list_filter *out)
{
    struct slice type = request_query(req, "type");
    bool everybody = slice_eq(request_query(req, "scope"), SLICE("all"));

    if (everybody && !req->principal.admin) {
        reply_error(req, ERR_FORBIDDEN, SLICE("Only admins list what others own."));
        return false;
    }
    *out = (struct list_filter){
        .owner = everybody ? SLICE_NONE : req->principal.user_id,
        .by_type = type.n > 0,
        .tag = request_query(req, "tag"),
        .collection = request_query(req, "collection_id"),
        .text = request_query(req, "q"),
        .sort = sort_of(request_query(req, "sort")),
        .ascending = slice_eq(request_query(req, "order"), SLICE("asc")),
        .skip = page->by_cursor ? 0 : (page->number - 1) * page->size,
        .limit = page->size,
    };
    if (type.n)
        media_type_parse(type, &out->type);
    return span_or_reply(req, "from", "to", &out->by_created, &out->created_from,
                         &out->created_before) &&
           span_or_reply(req, "taken_from", "taken_to", &out->by_taken, &out->taken_from,
                         &out->taken_before) &&
           cursor_or_reply(req, out) && collection_or_reply(req, out->collection);
}

void mediavault_media_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct list_filter filter;
    struct list_page found;
    struct media *media = NULL;

    page.has_cursor = true;
    page.by_cursor = request_query(req, "cursor").p != NULL;
    if (!filter_or_reply(req, &page, &filter) ||
        !ok_or_reply(req, catalogue_gate_list(req, &filter, &found, &media, &page.count)))
        return;
    page.total = found.total;
    if (found.next.set)
        page.next_cursor = list_cursor_format(req->task.arena, &filter, &found.next);
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < page.count; i++)
        mediavault_media_write(&w, req, &media[i]);
    jw_array_end(&w);
    reply_written_page(req, &page);
}
