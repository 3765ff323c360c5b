/* pulse.h: which kinds of processes live: a key on the volatile server that ends by itself unless
 * it is written again every PULSE_PERIOD_MS. */
#pragma once

#include "state/state.h"

#define PULSE_DISPATCHER SLICE("dispatcher")
#define PULSE_BACKUP SLICE("backup") /* while it lives, no content leaves the store */

enum { PULSE_PERIOD_MS = 1000, PULSE_LIFE_MS = 3000 };

void pulse_beat(struct state *state, struct slice kind);
/* ERR_NOT_FOUND: none lives. ERR_STATE_UNAVAILABLE: nobody knows. */
enum err pulse_feel(struct task *task, struct state *state, struct slice kind);
