/* shard.h: what the parts of a dispatcher share. Private to webhooks/: the acceptor (acceptor.h)
 * moves events into queues, the sender (sender.h) moves queues to receivers; one of each per
 * partition, each on a fiber. The sweeper (sweep.h) ends what is pending for lost endpoints. */
#pragma once

#include "base/timer.h"
#include "state/delivery.h"
#include "webhooks/bell.h"
#include "webhooks/directory.h"
#include "webhooks/transfer.h"

enum {
    SHARD_AWAY_MS = 200,   /* between attempts while Redis is away */
    SHARD_POLL_MS = 1000,  /* what others did to the queues is seen within this */
    SHARD_STEP_MS = 10000, /* the deadline of one round */
};

struct attempt;
struct sweep;

struct ready {
    struct ready *next;
    struct receiver *receiver; /* counted */
};

struct shard {
    struct dispatcher *dispatcher;
    unsigned partition;
    struct bell news; /* for the acceptor: there are events */
    struct bell work; /* for the sender: something is ready, or has ended */
    bool cursor_known;
    struct head cursor; /* as last seen; the truth is in Redis */
    struct ready *ready_head, **ready_tail;
    size_t ready_count;
    struct attempt *ended_head, **ended_tail; /* their outcome is not recorded yet */
    size_t in_flight;                         /* attempts that have not ended */
    uint64_t tick_at_ms;                      /* clock_ms() */
};

struct dispatcher {
    struct state *state;
    struct directory *directory;
    struct transfers *transfers;
    struct stream *stream;
    struct delivery_bounds bounds;
    uint64_t grace_ms;
    struct shard *shards; /* [partitions] */
    unsigned fibers;      /* running */
    bool stopping;
    uint64_t give_up_ms; /* clock_ms(): what is unrecorded then stays leased */
    char name[17];       /* of this process's life; the first part of its fences */
    uint64_t claims;     /* the second part */
    struct sweep *sweeps;
    struct bell sweep_bell;
    struct timer grace, pulse;
    void (*on_stopped)(void *arg);
    void *arg;
};
