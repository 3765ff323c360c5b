/* Tickets for /realtime to whoever can send a header, by a token of any surface. */
#include "gateway/realtime_door.h"
#include "gateway/realtime_ticket.h"
#include "gateway/reply.h"
#include "handlers.h"

static enum err judge(struct request *req, struct slice *detail)
{
    struct slice token = realtime_door_header(req);
    enum err err = realtime_door_judge(req, detail);

    if (err == OK && !token.n)
        err = ERR_UNAUTHORIZED;
    if (err == OK)
        err = realtime_door_authenticate(&req->task, req->gateway, token, &req->principal);
    if (err != OK || req->principal.scopes & SCOPE_REALTIME)
        return err;
    *detail = SLICE("This key lacks the scope `realtime`.");
    return ERR_FORBIDDEN;
}

void hub_realtime_ticket(struct request *req)
{
    struct slice detail = SLICE_NONE;
    enum err err = judge(req, &detail);

    if (err == ERR_UNAUTHORIZED)
        reply_header(req, "WWW-Authenticate", SLICE("Bearer"));
    if (err != OK)
        reply_error(req, err, detail);
    else if (realtime_ticket_write_or_reply(req))
        reply_written(req, 201);
}
