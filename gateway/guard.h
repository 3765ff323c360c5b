/* guard.h: what stands before looks at secrets, as handlers ask for it: the login guard of
 * access/login_guard.h, and bounds on wrong codes. */
#pragma once

#include "gateway/access/login_guard.h"
#include "gateway/access/rate.h"
#include "gateway/request.h"

/* login_guard_enter(). False: answered, 429 with Retry-After or 503. Suspends. */
bool guard_enter_or_reply(struct request *req, const struct login_subject *subject,
                          struct login_guard *guard);
/* Who asks to have a password hashed. */
struct turns_asker guard_asker(const struct request *req);

/* Has the client's address failures left of this rate? False: answered with 429. Where nobody
 * counts, everybody may try. Suspends. */
bool guard_may_try_or_reply(struct request *req, enum rate rate);
void guard_count_failure(struct request *req, enum rate rate);
