#include "gateway/download.h"

#include "base/clock.h"
#include "base/text.h"
#include "gateway/conditions.h"
#include "gateway/gateway.h"
#include "gateway/http/range.h"
#include "gateway/reply.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static bool plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && !strchr("\"\\%/", c);
}

struct slice download_disposition(struct arena *arena, const char *kind, struct slice filename)
{
    char *ascii = arena_cstr(arena, filename);
    bool lost = false;

    for (size_t i = 0; i < filename.n; i++)
        if (!plain(ascii[i])) {
            ascii[i] = '_';
            lost = true;
        }
    if (filename.n == 0)
        return slice_from(kind);
    struct slice value = arena_printf(arena, "%s; filename=\"%.*s\"", kind, (int)filename.n, ascii);
    if (!lost)
        return value;
    return arena_printf(arena, "%.*s; filename*=UTF-8''%.*s", SLICE_ARG(value),
                        SLICE_ARG(text_percent_encode(arena, filename)));
}

/* The bytes are somebody's: opened by themselves they may run nothing and reach nothing, other
 * sites may not embed them (where pages of listed origins exist, those have to), and the link that
 * opens them is told to nobody. */
static void isolate(struct request *req)
{
    bool has_pages_elsewhere = req->gateway->cors_origins && req->gateway->cors_origins->n;

    reply_header(req, "Content-Security-Policy", SLICE("sandbox"));
    reply_header(req, "Cross-Origin-Resource-Policy",
                 has_pages_elsewhere ? SLICE("cross-origin") : SLICE("same-origin"));
    reply_header(req, "Referrer-Policy", SLICE("no-referrer"));
}

static void content_headers(struct request *req, const struct download *download)
{
    reply_header(req, "Accept-Ranges", SLICE("bytes"));
    reply_header(req, "Content-Disposition",
                 download_disposition(req->task.arena,
                                      download->attachment ? "attachment" : "inline",
                                      download->filename));
}

static struct slice content_range(struct request *req, const struct download *download,
                                  const struct range *range)
{
    return arena_printf(req->task.arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->offset,
                        range->offset + range->length - 1, download->size);
}

static void reply_content(struct request *req, const struct download *download,
                          enum range_kind kind, const struct range *range)
{
    content_headers(req, download);
    if (kind == RANGE_PART)
        reply_header(req, "Content-Range", content_range(req, download, range));
    reply_file(req, &(struct file_reply){
                        .status = kind == RANGE_PART ? 206 : 200,
                        .fd = download->fd,
                        .offset = range->offset,
                        .length = range->length,
                        .content_type = download->content_type,
                        .mask = download->mask,
                    });
}

static void reply_unsatisfiable(struct request *req, const struct download *download)
{
    close(download->fd);
    reply_header(req, "Content-Range",
                 arena_printf(req->task.arena, "bytes */%" PRIu64, download->size));
    reply_error(req, ERR_RANGE_NOT_SATISFIABLE, SLICE_NONE);
}

void download_reply(struct request *req, const struct download *download)
{
    const struct validators now = {.etag = download->etag, .modified_ms = download->modified_ms};
    struct slice modified =
        now.modified_ms ? clock_http_date(req->task.arena, now.modified_ms) : SLICE_NONE;
    struct slice wanted = SLICE_NONE;
    struct range range;

    isolate(req);
    /* Ranges are defined for GET alone (RFC 9110 section 14.2). */
    if (req->head.method == METHOD_GET &&
        range_condition_holds(request_header(req, "If-Range"), download->etag, modified))
        wanted = request_header(req, "Range");
    enum range_kind kind = range_resolve(wanted, download->size, &range);
    bool kept = kind != RANGE_UNSATISFIABLE; /* an error is in no cache */
    if (!conditions_hold_or_reply(req, &now, kept ? download->cache_control : SLICE_NONE)) {
        close(download->fd);
        return;
    }
    if (kind == RANGE_UNSATISFIABLE)
        reply_unsatisfiable(req, download);
    else
        reply_content(req, download, kind, &range);
}
