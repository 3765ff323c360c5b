/* login_guard.h: ten wrong passwords of one name from one address within
 * 15 minutes, and no further one is looked at until the window ends. Counted on the fleeting
 * server, over all gateways; without it nobody can log in, or passwords could be guessed at will.
 */
#pragma once

#include "gateway/request.h"

enum { LOGIN_GUARD_FAILURES = 10, LOGIN_GUARD_WINDOW_S = 15 * 60 };

struct login_guard {
    struct slice key;
    uint64_t now_ms;
};

/* Every try takes a place before its password is looked at, so that many at once do not pass. */
bool login_guard_enter_or_reply(struct request *req, struct slice name, struct login_guard *guard);
/* It was no wrong password: gives the place back. */
void login_guard_leave(struct request *req, const struct login_guard *guard);
