/* renewal.h: what an older version has made of media (`former` in schemas/variants.yaml) is made
 * anew in the background, once per start of the hub: all records are looked at, a page a round, and
 * the next page waits until the jobs of the last one have ended. */
#pragma once

#include "base/task.h"
#include "state/state.h"

struct renewal;

struct renewal *renewal_new(struct state *state);
void renewal_free(struct renewal *renewal);

/* Called now and then by whoever is in charge. */
enum err renewal_round(struct task *task, struct renewal *renewal);
