/* rate.h: which counter a request falls under, by its route's policy and who asks. The counters are
 * windows of core/state/window.h; their sizes stand in rates.def and in the settings. */
#pragma once

#include "base/config.h"
#include "gateway/router.h"

enum rate {
#define RATE(name, counter, seconds, setting, refused) RATE_##name,
#include "gateway/access/rates.def"
#undef RATE
    RATE_COUNT
};

struct rate_limits {
    uint64_t of[RATE_COUNT]; /* requests per window; 0: off */
};

void rate_limits_read(const struct config *config, struct rate_limits *out);

/* One request's counter. */
struct rate_quota {
    enum rate rate;
    struct slice counter, key;
    unsigned seconds;
    uint64_t limit;       /* 0: off, there is nothing to count */
    bool free_if_refused; /* requests whose credentials are not accepted do not count */
};

/* policy: not POLICY_NONE. principal: who asks, of kind PRINCIPAL_NONE where that is not known. The
 * quota borrows from both. */
void rate_quota_choose(const struct request *req, enum rate_policy policy,
                       const struct principal *principal, struct rate_quota *out);
