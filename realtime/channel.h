/* channel.h: the channels that clients can subscribe to. Those of the event stream come from
 * schemas/events.yaml; job_progress is carried by the fleeting server and has no history. */
#pragma once

#include "state/event.h"

enum { CHANNEL_NONE = -1, CHANNEL_COUNT_MAX = 32 }; /* a bit each in a client's mask of losses */

enum channel_policy {
    CHANNEL_GAP,    /* a slow client is told that events were left out */
    CHANNEL_LATEST, /* a slow client gets the latest publication of each resource */
};

struct channel {
    struct slice name;
    enum channel_policy policy;
    bool has_history; /* publications have a position and can be recovered */
};

int channel_find(struct slice name);        /* CHANNEL_NONE */
int channel_of_event(enum event_type type); /* CHANNEL_NONE: not for clients */
int channel_job_progress(void);
const struct channel *channel_row(int channel);
struct slice channel_names(struct arena *arena); /* "job_progress, media_updates, ..." */
