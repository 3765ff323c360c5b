/* first_start.h: what an empty hub needs before it can be used: its first admin. */
#pragma once

#include "base/config.h"
#include "state/state.h"

struct first_start {
    struct slice password; /* the random one that was made, to be shown once; or empty */
    struct slice problem;  /* of a name or password that REST would refuse, in one line */
    bool not_looked_at;    /* accounts exist, and the password of the settings is another one */
};

/* Makes an account if there is none. ERR_VALIDATION: see problem. Suspends. */
enum err first_start_admin(struct task *task, struct state *state, const struct config *config,
                           struct first_start *out);
