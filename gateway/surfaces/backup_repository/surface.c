#include "gateway/surfaces/backup_repository/surface.h"

#include "gateway/surfaces/backup_repository/caller.h"
#include "gateway/surfaces/backup_repository/files.h"
#include "handlers.h"

/* What the original says where a handler has no words of its own. */
static const struct {
    enum err why;
    struct slice text;
} texts[] = {
    {ERR_UNAUTHORIZED, SLICE_INIT("cookie token is empty")},
    {ERR_SESSION_REVOKED, SLICE_INIT("you don't have permission to access this resource")},
    {ERR_NOT_FOUND, SLICE_INIT("404 page not found")},
    {ERR_REQUEST_TIMEOUT, SLICE_INIT("Request took too long")},
};

static struct slice text_of(enum err why, struct slice message)
{
    if (message.p != err_row(why)->message.p)
        return message;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].why == why)
            return texts[i].text;
    return message;
}

static void wrap_data(struct request *req, struct buf *out, struct slice json,
                      const struct page *page)
{
    struct json_writer w;

    jw_init(&w, out);
    jw_object(&w);
    jw_key(&w, "data");
    jw_raw(&w, json);
    jw_flag(&w, "status", true);
    jw_object_end(&w);
}

void backup_write_error(struct json_writer *w, struct slice data, struct slice text)
{
    jw_key(w, "data");
    jw_raw(w, data);
    jw_str(w, "error", text);
    jw_flag(w, "status", false);
}

/* Clients tell a refused token from a handler's refusal by the shape. */
static void write_refusal(struct request *req, struct json_writer *w, enum err why,
                          struct slice text)
{
    reply_header(req, "WWW-Authenticate", SLICE("JWT realm=backup-repository"));
    jw_int(w, "code", err_row(why)->status);
    jw_key(w, "data");
    jw_raw(w, SLICE("{}"));
    jw_str(w, "message", text);
    jw_flag(w, "status", false);
}

static void wrap_error(struct request *req, struct buf *out, enum err why, struct slice message,
                       const struct field_error *errors, size_t n)
{
    struct slice text = text_of(why, message);
    struct json_writer w;

    if (n)
        text = arena_printf(req->task.arena, "%.*s %.*s: %.*s", SLICE_ARG(text),
                            SLICE_ARG(errors[0].field), SLICE_ARG(errors[0].message));
    jw_init(&w, out);
    jw_object(&w);
    if (why == ERR_UNAUTHORIZED || why == ERR_SESSION_REVOKED || why == ERR_TOKEN_CLAIMS)
        write_refusal(req, &w, why, text);
    else
        backup_write_error(&w, SLICE("{}"), text);
    jw_object_end(&w);
}

const struct surface surface_backup_repository = {
    .name = SLICE_INIT("backup_repository"),
    .prefixes = backup_repository_prefixes,
    .wrap_data = wrap_data,
    .wrap_error = wrap_error,
    .authenticator = &backup_authenticator,
    .rate = RATE_NONE,
    .rate_headers = true,
    .unknown_method_is_unknown_path = true,
    .open = backup_files_open,
    .close = backup_files_close,
};
