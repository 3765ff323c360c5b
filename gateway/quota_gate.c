#include "gateway/quota_gate.h"

#include "gateway/gateway.h"
#include "gateway/reply.h"

#include <inttypes.h>

static void reply_full(struct request *req, const struct usage *used)
{
    const struct usage *most = &req->gateway->quota.most;
    struct slice detail = arena_printf(req->task.arena,
                                       "Your account keeps %" PRIu64 " items of %" PRIu64
                                       " bytes together, and may keep %" PRIu64 " and %" PRIu64
                                       "; delete something first.",
                                       used->items, used->bytes, most->items, most->bytes);

    reply_error(req, ERR_QUOTA, most->items && most->bytes ? detail : SLICE_NONE);
}

bool quota_enter_or_reply(struct request *req, uint64_t *room_bytes)
{
    const struct usage *most = &req->gateway->quota.most;
    struct usage used;
    enum err err = OK;

    *room_bytes = UINT64_MAX;
    if (most->bytes || most->items)
        err = usage_load(&req->task, req->gateway->state, req->principal.user_id, &used);
    if (!ok_or_reply(req, err))
        return false;
    if ((most->items && used.items >= most->items) || (most->bytes && used.bytes >= most->bytes)) {
        reply_full(req, &used);
        return false;
    }
    if (most->bytes)
        *room_bytes = most->bytes - used.bytes;
    return true;
}

enum err quota_take(struct request *req, uint64_t bytes, struct usage_bound *bound)
{
    *bound = (struct usage_bound){.most = req->gateway->quota.most};
    return usage_claim(&req->task, req->gateway->state, req->principal.user_id, bytes, bound);
}

void quota_reply_text(struct request *req)
{
    reply_error(req, ERR_PAYLOAD_TOO_LARGE,
                arena_printf(req->task.arena,
                             "Title, description, tags and file name may have %" PRIu64
                             " bytes together.",
                             req->gateway->quota.text_bytes));
}
