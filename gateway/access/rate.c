#include "gateway/access/rate.h"

#include "base/address.h"
#include "gateway/gateway.h"

#include <assert.h>

enum { COUNTS, FREE };

static const struct {
    struct slice counter;
    const char *setting;
    unsigned seconds;
    int refused;
} rows[] = {
#define RATE(name, counter, seconds, setting, refused)                                             \
    {SLICE_INIT(counter), setting, seconds, refused},
#include "gateway/access/rates.def"
#undef RATE
};

/* Policies that count addresses, whoever asks. */
static const enum rate by_address[] = {
    [POLICY_HEALTH] = RATE_HEALTH,
    [POLICY_BACKUP] = RATE_BACKUP,
    [POLICY_BACKUP_LOGIN] = RATE_BACKUP_LOGIN,
    [POLICY_BACKUP_HEALTH] = RATE_BACKUP_HEALTH,
};

void rate_limits_read(const struct config *config, struct rate_limits *out)
{
    for (unsigned rate = 0; rate < RATE_COUNT; rate++)
        out->of[rate] = config_number(config, rows[rate].setting);
}

static enum rate rate_of_caller(const struct request *req, const struct principal *principal,
                                struct slice *key)
{
    switch (principal->kind) {
    case PRINCIPAL_NONE:
        return RATE_ANONYMOUS;
    case PRINCIPAL_LINK: /* whoever looks, not whoever gave the link away */
        return RATE_LINK;
    case PRINCIPAL_KEY:
        *key = principal->session_id;
        return RATE_API_KEY;
    default:
        *key = principal->user_id;
        return RATE_USER;
    }
}

void rate_quota_choose(const struct request *req, enum rate_policy policy,
                       const struct principal *principal, struct rate_quota *out)
{
    struct slice key = address_prefix_text(req->task.arena, req->peer_ip);
    enum rate rate;

    assert(policy != POLICY_NONE);
    if (policy == POLICY_DEFAULT)
        rate = rate_of_caller(req, principal, &key);
    else
        rate = by_address[policy];
    *out = (struct rate_quota){
        .rate = rate,
        .counter = rows[rate].counter,
        .key = key,
        .seconds = rows[rate].seconds,
        .limit = req->gateway->limits.of[rate],
        .free_if_refused = rows[rate].refused == FREE,
    };
}
