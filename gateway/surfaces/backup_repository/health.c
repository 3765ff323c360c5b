#include "gateway/surfaces/backup_repository/health.h"

#include "base/crypto.h"
#include "gateway/surfaces/backup_repository/surface.h"

static void write_item(struct json_writer *w, struct arena *arena, const struct health_item *check)
{
    bool well = !check->problem.n;

    jw_object(w);
    jw_str(w, "message", well ? SLICE("OK") : check->problem);
    jw_str(w, "name", check->name);
    jw_flag(w, "status", well);
    jw_str(w, "statusText",
           arena_printf(arena, "%.*s=%s", SLICE_ARG(check->name), well ? "true" : "false"));
    jw_object_end(w);
}

void health_reply(struct request *req, const struct health_item *checks, size_t n)
{
    struct arena *arena = req->task.arena;
    struct json_writer w = reply_json(req);
    bool well = true;

    jw_object(&w);
    jw_key(&w, "health");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        write_item(&w, arena, &checks[i]);
        well = well && !checks[i].problem.n;
    }
    jw_array_end(&w);
    jw_object_end(&w);
    if (well) {
        reply_written(req, 200);
        return;
    }
    struct slice data = arena_dup(arena, buf_slice(w.out));
    w = reply_json(req);
    jw_object(&w);
    backup_write_error(&w, data, SLICE("one of checks failed"));
    jw_object_end(&w);
    reply_raw(req, 500, "application/json", buf_slice(w.out));
}

bool health_code_given(const struct request *req, struct slice sha256)
{
    struct arena *arena = req->task.arena;
    struct slice header = sha256_hex(arena, request_header(req, "Authorization"));
    struct slice query = sha256_hex(arena, request_query(req, "code"));

    return crypto_equal(header, sha256) || crypto_equal(query, sha256);
}
