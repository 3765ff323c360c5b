#include "gateway/upload_share.h"

#include "base/address.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/reply.h"

void upload_shares_init(struct upload_shares *shares, const struct config *config)
{
    shares_init(&shares->users);
    shares_init(&shares->addresses);
    shares->per_user = (size_t)config_number(config, "uploads.per_user");
    shares->per_address = (size_t)config_number(config, "uploads.per_address");
}

void upload_shares_fini(struct upload_shares *shares)
{
    shares_fini(&shares->users);
    shares_fini(&shares->addresses);
}

struct taken {
    struct shares *shares;
    struct slice party;
};

static void give_back(void *arg)
{
    const struct taken *taken = arg;

    share_give_back(taken->shares, taken->party);
}

static bool take(struct request *req, struct shares *shares, struct slice party, size_t most)
{
    struct taken *taken = ARENA_NEW(req->task.arena, struct taken);
    size_t others = exchange_uploads() - share_held(shares, party);
    size_t left = EXCHANGE_UPLOADS_MAX - others;

    if (most > left / 2)
        most = left / 2;
    if (!share_take(shares, party, most))
        return false;
    *taken = (struct taken){shares, party};
    arena_defer(req->task.arena, give_back, taken);
    return true;
}

static bool has_share(struct request *req)
{
    struct upload_shares *shares = req->gateway->uploads;
    struct slice user = arena_dup(req->task.arena, req->principal.user_id);
    struct address peer;

    if (!take(req, &shares->users, user, shares->per_user))
        return false;
    if (req->peer_hidden || !address_from_text(req->peer_ip, &peer) || address_is_loopback(&peer))
        return true;
    return take(req, &shares->addresses, address_prefix_text(req->task.arena, req->peer_ip),
                shares->per_address);
}

bool upload_begin_or_reply(struct request *req)
{
    if (!has_share(req)) {
        reply_header(req, "Retry-After", SLICE("5"));
        reply_error(req, ERR_RATE_LIMITED,
                    SLICE("You have as many uploads under way as you may; wait for one to end."));
        return false;
    }
    if (!exchange_begin_upload(req->exchange)) {
        reply_error(req, ERR_OVERLOADED, SLICE_NONE);
        return false;
    }
    return true;
}
