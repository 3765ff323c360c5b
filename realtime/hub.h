/* hub.h: what the modules of realtime share: the hub's state, private to this folder. */
#pragma once

#include "base/table.h"
#include "realtime/channel.h"
#include "realtime/ended.h"
#include "realtime/flush.h"
#include "realtime/history.h"
#include "realtime/hooks.h"
#include "realtime/protocol.h"
#include "state/event.h"
#include "state/position.h"

#include <uv.h>

enum {
    RECOVERY_WAIT_MS = 3000, /* for our reader to come up to a position that another has given */
    LAG_BUCKETS = 10,
};

struct subscription;

/* One key that subscriptions hang on; see subscription.h. */
struct topic {
    struct table_entry entry;
    struct subscription *subscriptions;
    char key[];
};

/* Everybody with an authenticated socket. */
struct user {
    struct table_entry entry; /* key: the user id */
    struct client *clients;
    unsigned sockets;
    char id[];
};

/* The latest progress of a job; see latest.h. */
struct latest;
struct latest_progress {
    struct table table;
    struct latest *newest, *oldest;
    uint64_t sequence;
};

/* One waiting for the read of older events that another fiber has under way. */
struct fill_waiter {
    struct fill_waiter *next;
    struct fiber_wait wait;
};

struct partition_state {
    struct history history;
    bool filling;
    struct fill_waiter *waiters;
};

struct counters {
    uint64_t events, encoded;
    uint64_t opened, commands, paused, dropped, gaps, recovered, not_recovered, filled;
    uint64_t closed_never, closed_later, closed_now, closed_other;
    uint64_t lag[LAG_BUCKETS + 1], lag_sum_ms, lag_count;
};

struct realtime {
    unsigned refs; /* its maker, the prepare handle, and every client: fibers may outlive the end */
    void (*on_free)(struct realtime *hub); /* when nobody refers to it any more */
    struct state *state;
    struct realtime_hooks hooks;
    struct realtime_limits limits;
    unsigned partitions;
    struct partition_state *partition; /* [partitions] */
    struct table topics, users;
    struct ended ended;
    struct client *clients;
    size_t client_count, stream_count /* of them */, subscription_count;
    struct latest_progress latest;
    struct flush flush;
    uv_prepare_t prepare;
    struct message *ping;
    uint64_t sequence;  /* of the publication that is being handed out; marks clients */
    uint64_t canary_ms; /* Unix; 0: none yet */
    bool draining;
    uint64_t drain_window_ms;
    struct counters count;
};

void hub_unref(struct realtime *hub);

/* Knows the hub where all partitions stand? */
bool hub_started(struct realtime *hub);

/* The position now, as text in the arena. */
struct slice hub_position(struct realtime *hub, struct arena *arena);

/* An event as a publication: with its message. epoch: of its history. */
struct publication *hub_publication(struct realtime *hub, const struct event *event,
                                    uint64_t epoch);
