#include "gateway/once_gate.h"

#include "base/crypto.h"
#include "gateway/gateway.h"
#include "gateway/reply.h"
#include "gateway/route.h"

enum { KEY_MAX = 255 };

/* Without an account there is no partition either: the address is drawn into one. */
static struct slice principal_of(struct request *req, unsigned *partition)
{
    *partition = req->principal.partition;
    if (req->principal.kind != PRINCIPAL_NONE)
        return req->principal.user_id;
    *partition = 0;
    return arena_printf(req->task.arena, "address:%.*s", SLICE_ARG(req->peer_ip));
}

static bool begin_or_reply(struct request *req)
{
    enum err err = once_begin(&req->task, req->gateway->state, req->once);

    if (err != ERR_CONFLICT)
        return ok_or_reply(req, err);
    reply_header(req, "Retry-After", SLICE("1"));
    reply_error(req, err, SLICE("A request with this Idempotency-Key is under way."));
    return false;
}

bool once_enter_or_reply(struct request *req)
{
    struct slice key = request_header(req, "Idempotency-Key");
    struct slice operation = slice_from(req->route->operation);
    unsigned partition;

    if (!req->route->once || !key.p)
        return true;
    if (key.n == 0 || key.n > KEY_MAX) {
        reply_error(req, ERR_VALIDATION, SLICE("Idempotency-Key has 1 to 255 characters."));
        return false;
    }
    struct slice principal = principal_of(req, &partition);
    req->once = ARENA_NEW(req->task.arena, struct once_claim);
    once_init(req->once, req->task.arena, partition, principal, operation, key);
    return begin_or_reply(req);
}

void once_refuse(struct request *req)
{
    reply_error(req, ERR_UNPROCESSABLE,
                SLICE("This Idempotency-Key was used for another body; take a new one."));
}

static bool same_body_or_reply(struct request *req)
{
    const struct once_claim *claim = req->once;

    if (!claim->record.made.n || slice_eq(claim->record.fingerprint, claim->fingerprint))
        return true;
    once_refuse(req);
    return false;
}

/* What the path names counts as a part of the body. */
bool once_judge_or_reply(struct request *req, struct slice text)
{
    struct arena *arena = req->task.arena;

    if (!req->once)
        return true;
    for (size_t i = 0; i < PATH_PARAMS_MAX; i++)
        text = arena_printf(arena, "%.*s\n%.*s", SLICE_ARG(req->path_params[i]), SLICE_ARG(text));
    req->once->fingerprint = sha256_hex(arena, text);
    return same_body_or_reply(req);
}

bool once_judge_json_or_reply(struct request *req)
{
    if (!req->once)
        return true;
    json_t *body = req->body ? json_copy(req->body) : json_object();
    json_object_del(body, "password");
    struct slice text = json_dump_sorted(req->task.arena, body);
    json_decref(body);
    return once_judge_or_reply(req, text);
}

struct slice once_made(const struct request *req)
{
    return req->once ? req->once->record.made : SLICE_NONE;
}

bool once_overtaken_or_reply(struct request *req, enum err err)
{
    if (err == ERR_CONFLICT && req->once && !begin_or_reply(req))
        return false;
    if (err == ERR_CONFLICT && once_made(req).n)
        return same_body_or_reply(req);
    return ok_or_reply(req, err);
}

void once_keep(struct request *req)
{
    if (req->once)
        once_renew(&req->task, req->gateway->state, req->once);
}
