#include "gateway/access/rate.h"

#include "base/address.h"

#include <assert.h>

enum { COUNTS, FREE };
enum { ANY = -1 };

/* From RATE_NONE + 1 on. */
static const struct {
    struct slice counter, policy;
    const char *setting;
    unsigned seconds;
    int caller; /* enum principal_kind, or ANY */
    int refused;
} rows[] = {
#define CALLER_ANY ANY
#define CALLER_NONE PRINCIPAL_NONE
#define CALLER_SESSION PRINCIPAL_SESSION
#define CALLER_KEY PRINCIPAL_KEY
#define CALLER_LINK PRINCIPAL_LINK
#define RATE(name, counter, option, policy, seconds, standard, caller, refused, help)              \
    {SLICE_INIT(counter), SLICE_INIT(policy), "limits." counter, seconds, CALLER_##caller, refused},
#include "base/rates.def"
#undef RATE
};

void rate_limits_read(const struct config *config, struct rate_limits *out)
{
    *out = (struct rate_limits){0};
    for (unsigned rate = RATE_NONE + 1; rate < RATE_COUNT; rate++)
        out->of[rate] = config_number(config, rows[rate - 1].setting);
}

static enum rate rate_of_caller(enum principal_kind kind)
{
    for (unsigned rate = RATE_NONE + 1; rate < RATE_COUNT; rate++)
        if (rows[rate - 1].caller == (int)kind)
            return rate;
    return RATE_ANONYMOUS;
}

static struct slice key_of(struct arena *arena, int caller, struct slice peer_ip,
                           const struct principal *principal)
{
    switch (caller) {
    case PRINCIPAL_SESSION:
        return principal->user_id;
    case PRINCIPAL_KEY:
        return principal->session_id;
    default: /* of a link, whoever looks, not whoever gave it away */
        return address_prefix_text(arena, peer_ip);
    }
}

void rate_quota_choose(struct arena *arena, const struct rate_limits *limits, enum rate rate,
                       struct slice peer_ip, const struct principal *principal,
                       struct rate_quota *out)
{
    if (rate == RATE_DEFAULT)
        rate = rate_of_caller(principal->kind);
    assert(rate > RATE_NONE && rate < RATE_COUNT);
    *out = (struct rate_quota){
        .rate = rate,
        .counter = rows[rate - 1].counter,
        .policy = rows[rate - 1].policy,
        .key = key_of(arena, rows[rate - 1].caller, peer_ip, principal),
        .seconds = rows[rate - 1].seconds,
        .limit = limits->of[rate],
        .free_if_refused = rows[rate - 1].refused == FREE,
    };
}

bool rate_quota_is_callers(const struct rate_quota *quota)
{
    int caller = rows[quota->rate - 1].caller;

    return caller == PRINCIPAL_SESSION || caller == PRINCIPAL_KEY;
}
