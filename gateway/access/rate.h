/* rate.h: which counter a request falls under, by its route's rate and who asks. The counters are
 * windows of core/state/window.h; the rates are the table core/base/rates.def. Pure. */
#pragma once

#include "base/config.h"
#include "state/principal.h"

enum rate {
    RATE_NONE, /* is not counted */
#define RATE(name, ...) RATE_##name,
#include "base/rates.def"
#undef RATE
    RATE_COUNT,
    RATE_DEFAULT, /* of whoever asks */
};

struct rate_limits {
    uint64_t of[RATE_COUNT]; /* requests per window; 0: off */
};

void rate_limits_read(const struct config *config, struct rate_limits *out);

/* One request's counter. */
struct rate_quota {
    enum rate rate;
    struct slice counter, key;
    struct slice policy; /* its name for clients */
    unsigned seconds;
    uint64_t limit;       /* 0: off, there is nothing to count */
    bool free_if_refused; /* requests whose credentials are not accepted do not count */
};

/* rate: not RATE_NONE. peer_ip: of the client. principal: who asks, of kind PRINCIPAL_NONE where
 * that is not known. The quota lives in the arena and borrows from the principal. */
void rate_quota_choose(struct arena *arena, const struct rate_limits *limits, enum rate rate,
                       struct slice peer_ip, const struct principal *principal,
                       struct rate_quota *out);
/* Is it the quota of a proven caller, to be chosen anew for one who turns out not to be? */
bool rate_quota_is_callers(const struct rate_quota *quota);
