/* client.h: one connection and what it holds; private to this folder. Bytes in become messages in
 * a serial inbox that at most one fiber works off; messages out wait in the sink for the flush.
 * The struct lives until the connection is gone and no fiber works for it any more. */
#pragma once

#include "base/timer.h"
#include "realtime/hub.h"
#include "realtime/inbox.h"
#include "realtime/sink.h"
#include "realtime/websocket.h"

enum {
    STASH_MAX_BYTES = 256 << 10, /* undecoded bytes that came before reading stopped */
    PATIENCE_MS = 30000,         /* with a full socket buffer; then 4101 */
    COMMAND_MS = 10000,          /* for what one message may await */
    EXPIRING_MS = 60000,         /* notice before a token ends */
    HEARTBEAT_MISSES = 2,
    TICK_MS = 10, /* how exactly the kernel tells when something was heard */
};

/* Who the credentials of the upgrade, or of a stream's request, belong to. */
struct arrival {
    struct arena *arena;
    struct principal principal;
    struct command *places; /* what a stream wants to hear of */
    size_t n;
};

struct client {
    uint32_t magic;
    unsigned refs; /* the connection, and the fiber while one runs */
    struct realtime *hub;
    struct sink sink;
    struct client *next, *prev;
    struct client *user_next, *user_prev;

    struct user *user; /* NULL: not authenticated */
    struct slice session_id;
    uint64_t expires_ms; /* Unix; 0: never */
    unsigned partition;  /* where the user's events are */
    bool admin;

    bool probed; /* by place.h, and silent since */
    bool replaying, busy /* a fiber works */, reading, told_expiring;
    uint8_t unanswered;           /* pings */
    uint32_t lost;                /* a bit per channel that publications were left out of */
    uint64_t latest_seen;         /* of hub->latest, when the first was left out */
    uint64_t seen;                /* hub->sequence of the last publication offered */
    uint64_t rate_due_ms;         /* when the bucket of messages is full again */
    uint64_t heard_ms, probed_ms; /* clock_ms() of the last bytes, and of place.h's last ping */
    uint64_t pinged_ms;           /* of the last ping that a stream was sent */
    struct arrival *arrival;      /* credentials that wait for a place; or NULL */

    struct websocket ws;
    struct buf stash;
    struct inbox inbox;
    struct subscription *subscriptions;
    unsigned subscription_count;

    struct timer heartbeat, lifetime, patience;
    struct timer pace;          /* armed: messages wait because there were too many */
    struct fiber_wait *drained; /* the fiber waits for an empty queue */
    struct task *task;          /* of the message that is being worked on */
};

enum { CLIENT_MAGIC = 0x3C11E274 };

void client_unref(struct client *client);

/* An answer or a control frame: exempt from the queue's bound. Takes the message. */
void client_send(struct client *client, struct message *message);
/* A publication: past the bound the channel's policy decides. Keeps its own reference. */
void client_offer(struct client *client, struct message *message, int channel);

bool client_is_stream(const struct client *client); /* it listens and says nothing */
/* Notes what a stream has acknowledged, since nothing else is heard of it. */
void client_listen_to(struct client *client);

size_t client_queued_bytes(const struct client *client);
/* Suspends until everything queued is with the kernel. False: the client is going. */
bool client_await_drained(struct task *task, struct client *client);

/* Is nobody there to answer any more? To be asked after every await. */
bool client_over(const struct client *client);
bool client_may_hear(const struct client *client, struct slice owner);

/* Whoever is in client_await_drained() goes on. */
void client_wake(struct client *client);

struct user *user_find(struct realtime *hub, struct slice user_id); /* or NULL */
