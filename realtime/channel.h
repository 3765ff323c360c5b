/* channel.h: the channels that clients can subscribe to; rows of schemas/events.yaml. */
#pragma once

#include "state/event.h"

/* A bit each in a client's mask of losses. */
_Static_assert(CHANNEL_COUNT <= 32, "a client's mask of losses is too narrow");

enum channel_policy {
    CHANNEL_GAP,    /* a slow client is told that events were left out */
    CHANNEL_LATEST, /* a slow client gets the latest publication of each resource */
};

struct channel_row {
    struct slice name;
    enum channel_policy policy;
    bool clients;     /* can subscribe */
    bool has_history; /* publications have a position and can be recovered */
};

int channel_find(struct slice name);        /* CHANNEL_NONE also for the hub's own */
int channel_of_event(enum event_type type); /* CHANNEL_NONE: not for clients */
const struct channel_row *channel_row(int channel);
struct slice channel_names(struct arena *arena); /* "job_progress, media_updates, ..." */
