#include "gateway/surfaces/mediavault/surface.h"

#include "base/clock.h"
#include "base/text.h"
#include "gateway/access/authentication.h"
#include "handlers.h"

#include <inttypes.h>

/* What the client asked, below the prefix it used: "/media?type=image&page=3". */
static struct slice page_link(const struct request *req, const char *key, struct slice where,
                              uint64_t size)
{
    struct arena *arena = req->task.arena;
    struct slice link = req->path;
    char separator = '?';

    for (const struct slice *prefix = req->surface->prefixes; prefix->p; prefix++)
        if (slice_starts_with(req->path, *prefix))
            link = slice_from_offset(req->path, prefix->n);
    for (size_t i = 0; i < req->query_count; i++) {
        struct slice name = req->query_names[i];
        if (slice_eq(name, SLICE("page")) || slice_eq(name, SLICE("per_page")) ||
            slice_eq(name, SLICE("cursor")))
            continue;
        struct slice value = text_percent_encode(arena, req->query_values[i]);
        name = text_percent_encode(arena, name);
        link = arena_printf(arena, "%.*s%c%.*s=%.*s", SLICE_ARG(link), separator, SLICE_ARG(name),
                            SLICE_ARG(value));
        separator = '&';
    }
    link = arena_printf(arena, "%.*s%c%s=%.*s", SLICE_ARG(link), separator, key, SLICE_ARG(where));
    if (size != MEDIAVAULT_PAGE_SIZE)
        link = arena_printf(arena, "%.*s&per_page=%" PRIu64, SLICE_ARG(link), size);
    return link;
}

struct links {
    uint64_t pages;
    struct slice next, prev; /* empty at the ends */
};

static struct slice numbered(const struct request *req, uint64_t number, uint64_t size)
{
    return page_link(req, "page", arena_printf(req->task.arena, "%" PRIu64, number), size);
}

static struct links links_of(const struct request *req, const struct page *page)
{
    struct links links = {.pages = (page->total + page->size - 1) / page->size};

    if (page->by_cursor) {
        if (page->next_cursor.n)
            links.next = page_link(req, "cursor", page->next_cursor, page->size);
        return links;
    }
    if (page->number < links.pages)
        links.next = numbered(req, page->number + 1, page->size);
    if (page->number > 1 && links.pages > 0)
        links.prev =
            numbered(req, page->number > links.pages ? links.pages : page->number - 1, page->size);
    return links;
}

static bool host_acceptable(struct slice host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == ':' || c == '[' || c == ']'))
            return false;
    }
    return host.n > 0;
}

/* Absolute where the request says which host it meant; a relative one is as good (RFC 8288). */
static struct slice absolute(const struct request *req, struct slice link)
{
    struct arena *arena = req->task.arena;
    struct slice host = req->host, base = SLICE("");

    for (const struct slice *prefix = req->surface->prefixes; prefix->p; prefix++)
        if (slice_starts_with(req->path, *prefix))
            base = *prefix;
    if (!host_acceptable(host))
        return arena_printf(arena, "%.*s%.*s", SLICE_ARG(base), SLICE_ARG(link));
    return arena_printf(arena, "%s://%.*s%.*s%.*s", req->tls ? "https" : "http", SLICE_ARG(host),
                        SLICE_ARG(base), SLICE_ARG(link));
}

static void link_header(struct request *req, const struct links *links)
{
    struct arena *arena = req->task.arena;
    struct slice value = SLICE("");

    if (links->next.n)
        value = arena_printf(arena, "<%.*s>; rel=\"next\"", SLICE_ARG(absolute(req, links->next)));
    if (links->prev.n)
        value = arena_printf(arena, "%.*s%s<%.*s>; rel=\"prev\"", SLICE_ARG(value),
                             value.n ? ", " : "", SLICE_ARG(absolute(req, links->prev)));
    if (value.n)
        reply_header(req, "Link", value);
}

static void write_pagination(struct json_writer *w, const struct page *page,
                             const struct links *links)
{
    jw_key(w, "pagination");
    jw_object(w);
    jw_int(w, "total", (int64_t)page->total);
    jw_int(w, "count", (int64_t)page->count);
    jw_int(w, "per_page", (int64_t)page->size);
    jw_int(w, "current_page", (int64_t)page->number);
    jw_int(w, "total_pages", (int64_t)links->pages);
    jw_key(w, "links");
    jw_object(w);
    jw_str_or_null(w, "next", links->next);
    jw_str_or_null(w, "prev", links->prev);
    jw_object_end(w);
    jw_object_end(w);
}

static void begin(struct json_writer *w, struct buf *out, bool success)
{
    jw_init(w, out);
    jw_object(w);
    jw_flag(w, "success", success);
}

/* `meta` and the end of the envelope; data answers tell the version, errors do not. */
static void end(const struct request *req, struct json_writer *w, bool version,
                const struct page *page, const struct links *links)
{
    jw_key(w, "meta");
    jw_object(w);
    jw_time(w, "timestamp", clock_unix_ms());
    if (version)
        jw_str(w, "version", SLICE(MEDIAVAULT_VERSION));
    jw_str(w, "request_id", req->task.request_id);
    if (page)
        write_pagination(w, page, links);
    if (page && page->has_cursor)
        jw_str_or_null(w, "next_cursor", page->next_cursor);
    jw_object_end(w);
    jw_object_end(w);
}

static void wrap_data(struct request *req, struct buf *out, struct slice json,
                      const struct page *page)
{
    struct json_writer w;
    struct links links = {0};

    if (page) {
        links = links_of(req, page);
        link_header(req, &links);
    }
    begin(&w, out, true);
    jw_key(&w, "data");
    jw_raw(&w, json);
    end(req, &w, true, page, &links);
}

static void wrap_error(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n)
{
    struct json_writer w;

    if (err_row(why)->status == 401)
        reply_header(req, "WWW-Authenticate", SLICE("Bearer"));
    begin(&w, out, false);
    jw_key(&w, "error");
    jw_object(&w);
    jw_str(&w, "code", err_row(why)->slug);
    jw_str(&w, "message", message);
    jw_key(&w, "details");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_str(&w, "field", errors[i].field);
        jw_str(&w, "message", errors[i].message);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    end(req, &w, false, NULL, NULL);
}

const struct surface surface_mediavault = {
    .name = SLICE_INIT("mediavault"),
    .prefixes = mediavault_prefixes,
    .wrap_data = wrap_data,
    .wrap_error = wrap_error,
    .authenticator = &mediavault_authenticator,
    .rate = RATE_DEFAULT,
    .rate_headers = true,
    .require_https = true,
};

struct page mediavault_page(const struct request *req)
{
    struct page page = {0};

    request_query_u64(req, "page", 1, &page.number);
    request_query_u64(req, "per_page", MEDIAVAULT_PAGE_SIZE, &page.size);
    return page;
}

static void write_token(struct json_writer *w, const struct mediavault_token *token)
{
    jw_str(w, "token", token->token);
    jw_int(w, "expires_in", (int64_t)token->expires_in_s);
    jw_str(w, "token_type", SLICE("Bearer"));
    jw_str(w, "refresh_token", token->refresh_token);
}

void mediavault_reply_token(struct request *req, const struct mediavault_token *token)
{
    struct buf *out = reply_writer(req);
    struct json_writer w;

    begin(&w, out, true);
    write_token(&w, token);
    jw_key(&w, "data");
    jw_object(&w);
    write_token(&w, token);
    jw_object_end(&w);
    end(req, &w, true, NULL, NULL);
    reply_header(req, "Cache-Control", SLICE("no-store"));
    reply_raw(req, 200, "application/json", buf_slice(out));
}
