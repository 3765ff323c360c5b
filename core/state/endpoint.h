/* endpoint.h: a receiver of webhooks: URL, filter of event types, signing secret. The record is
 * "{pN}:endpoint:<id>" in its owner's partition; "{pN}:endpoints" lists all of a partition, and
 * "{pN}:endpoints:version" counts its changes, so that dispatchers know when to read again. */
#pragma once

#include "state/commit.h"

struct endpoint {
    struct slice id; /* "whk_" + ULID */
    unsigned partition;
    struct slice owner;  /* user id */
    bool owner_is_admin; /* hears everybody's events */
    struct slice url, description;
    struct slice *events; /* names, or one "*" */
    size_t event_count;
    struct slice secret;          /* "whsec_" + base64 of 24 bytes */
    struct slice old_secret;      /* before the last rotation; signs as well until then */
    uint64_t old_secret_until_ms; /* 0: none */
    bool active;
    struct slice disabled_reason; /* empty while active */
    uint64_t created_ms, updated_ms;
};

/* Active, allowed to hear of it (its owner's, or anybody's for an admin), and named: "*" stands for
 * the types that always go to webhooks. */
bool endpoint_wants(const struct endpoint *endpoint, const struct event *event);

/* Fills in id, partition (the owner's), times, and the secret unless it is given. */
enum err endpoint_create(struct task *task, struct state *state, struct endpoint *endpoint);
enum err endpoint_load(struct task *task, struct state *state, struct slice id,
                       struct endpoint *out);
/* Writes what may change: URL, description, events, secrets, active and its reason; sets
 * updated_ms. An endpoint that is active starts with a clean record of its health. */
enum err endpoint_update(struct task *task, struct state *state, struct endpoint *endpoint);
/* A new secret; the old one signs as well for ENDPOINT_OLD_SECRET_MS. Write it by
 * endpoint_update(). */
enum { ENDPOINT_OLD_SECRET_MS = 24 * 3600 * 1000 };
void endpoint_rotate_secret(struct arena *arena, struct endpoint *endpoint);
enum err endpoint_delete(struct task *task, struct state *state, const struct endpoint *endpoint);
enum err endpoint_disable(struct task *task, struct state *state, const struct endpoint *endpoint,
                          struct slice reason);
/* All endpoints of a user, or (owner empty) of a partition, oldest first; at most ENDPOINTS_MAX per
 * partition are seen. */
enum { ENDPOINTS_MAX = 10000 };
enum err endpoint_list(struct task *task, struct state *state, unsigned partition,
                       struct slice owner, struct endpoint **out, size_t *n);
/* The hash in which core/state/delivery.h keeps how its deliveries go. */
struct slice endpoint_health_key(struct arena *arena, unsigned partition, struct slice id);
/* 0: never changed. */
enum err endpoint_version(struct task *task, struct state *state, unsigned partition,
                          uint64_t *out);
