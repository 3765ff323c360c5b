/* lease.h: one holder at a time of something that is nobody's for good: a key on the volatile
 * server that names its holder and ends by itself. Not a fence: whoever must not be overtaken
 * checks in its commit that nothing has changed. */
#pragma once

#include "state/state.h"

/* Takes it, or renews what is held already, for ms from now. ERR_CONFLICT: somebody else has it.
 * ERR_STATE_UNAVAILABLE: nobody knows. */
enum err lease_take(struct task *task, struct state *state, struct slice key, struct slice holder,
                    uint64_t ms);

/* A name that no other holder has. */
struct slice lease_holder_new(struct arena *arena);

/* Renews a lease that was taken for ms, on a fiber of its own, until it is stopped; a process that
 * dies holds up the next one no longer than ms. NULL: no fiber is left. */
struct lease_keeper;
struct lease_keeper *lease_keep(struct state *state, struct slice key, struct slice holder,
                                uint64_t ms);
bool lease_lost(const struct lease_keeper *keeper); /* somebody else has it */
/* Gives the lease back as well, if it is still held. NULL is allowed. */
void lease_keeper_stop(struct task *task, struct lease_keeper *keeper);
