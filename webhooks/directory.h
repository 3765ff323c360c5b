/* directory.h: the endpoints as this dispatcher knows them: their configuration, read again when
 * its version changes, and a gate before each. Receivers are counted, because an attempt may
 * outlive its endpoint. Knows core/state's endpoints; must not know queues or transfers. */
#pragma once

#include "state/endpoint.h"
#include "state/state.h"
#include "webhooks/admission.h"

struct receiver {
    uint32_t magic;
    unsigned refs;
    struct arena *arena; /* of what stands below; replaced with the configuration */
    struct endpoint endpoint;
    bool tls;             /* the URL's scheme is https */
    struct slice key;     /* for signing; empty: the secret is not one */
    struct slice old_key; /* of the secret before, which signs as well for a while; or empty */
    bool gone;            /* deleted, or replaced by another receiver */
    struct gate gate;
    bool failing;            /* as the health record was last told */
    uint64_t health_told_ms; /* clock_ms(); 0: never */
    uint8_t *listed;         /* a bit per partition: in its list of ready receivers */
};

struct receiver *receiver_ref(struct receiver *receiver);
void receiver_unref(struct receiver *receiver);
bool receiver_may_send(const struct receiver *receiver);

struct directory;

/* Called when an endpoint has become inactive (deleted: or was deleted). id: for the call. */
typedef void directory_ended_fn(void *arg, struct slice id, bool deleted);

struct directory *directory_new(struct state *state, directory_ended_fn *on_ended, void *arg);
void directory_free(struct directory *directory);

/* Reads what has changed. Whatever was committed before the call is known after it. Suspends. */
enum err directory_refresh(struct task *task, struct directory *directory);

/* The ids of all who want to hear this event, in the task's arena. */
void directory_match(struct arena *arena, const struct directory *directory,
                     const struct event *event, struct slice **ids, size_t *n);

/* NULL: unknown. Valid until the next suspension, unless counted. */
struct receiver *directory_find(const struct directory *directory, struct slice id);
