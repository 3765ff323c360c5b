/* first_start.h: what an empty hub needs before it can be used: its first admin. */
#pragma once

#include "base/config.h"
#include "state/state.h"

/* Makes an account if there is none. *password: the random one that was made, to be shown once;
 * empty when the settings gave one or accounts exist already. Suspends. */
enum err first_start_admin(struct task *task, struct state *state, const struct config *config,
                           struct slice *password);
