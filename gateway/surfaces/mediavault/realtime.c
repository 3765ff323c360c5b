/* Media Vault's share of /realtime: tickets for it. */
#include "gateway/realtime_ticket.h"
#include "gateway/reply.h"
#include "handlers.h"

void mediavault_realtime_ticket(struct request *req)
{
    if (realtime_ticket_write_or_reply(req))
        reply_written(req, 201);
}
