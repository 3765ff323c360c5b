/* progress.h: how far running jobs are, and which were parked or queued again, from whichever
 * gateway hears it to all of them: a short stream "hub:progress" on the volatile server. Nothing of
 * it is kept: a reader begins with what comes next, and a server that is away leaves a gap that
 * nobody needs filled. */
#pragma once

#include "records.h"

struct progress {
    struct slice subject_id, owner, kind, job_id;
    enum job_state state;
    unsigned percent;
};

void progress_publish(struct state *state, const struct job *job, enum job_state job_state,
                      unsigned percent);

struct progress_feed;

/* Reads over a connection of its own to the volatile server at `url`, on a fiber of its own. NULL:
 * no fiber is left, or that is no URL. fn(arg, ..) runs on that fiber and must not suspend. */
struct progress_feed *progress_feed_open(struct slice url,
                                         void (*fn)(void *arg, const struct progress *progress),
                                         void *arg);
/* Whatever is published from now on will be heard; false while its server is away. */
bool progress_feed_listens(const struct progress_feed *feed);
void progress_feed_close(struct progress_feed *feed); /* the memory goes with its fiber */
