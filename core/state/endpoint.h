/* endpoint.h: a receiver of webhooks: URL, filter of event types, signing secret. The record is
 * `endpoint` in schemas/records.yaml, in its owner's partition; "{pN}:endpoints" lists all of a
 * partition, "{pN}:endpoints:version" counts its changes, so that dispatchers know when to read
 * again, and "{pN}:endpoints:held:<user id>" has the `count` of an account's. */
#pragma once

#include "state/once.h"

/* Active, allowed to hear of it (its owner's, or anybody's for an admin), and named: "*" stands for
 * the types that always go to webhooks. */
bool endpoint_wants(const struct endpoint *endpoint, const struct event *event);

/* Fills in id, partition (the owner's), times, and the secret unless it is given; owner_is_admin,
 * which asks for everybody's events, stays if the owner is one. most: that an account may have;
 * ERR_QUOTA: it has them, or its partition has ENDPOINTS_MAX; ERR_NOT_FOUND: there is no such
 * account; ERR_UNAUTHORIZED: it is disabled. once may be NULL (ERR_CONFLICT: its key made something
 * else). */
enum err endpoint_create(struct task *task, struct state *state, uint64_t most,
                         struct endpoint *endpoint, const struct once_claim *once);
enum err endpoint_load(struct task *task, struct state *state, struct slice id,
                       struct endpoint *out);
/* Loads the endpoint, has fn change it (URL, description, events, secrets, active and its reason),
 * and saves it with a new updated_ms. fn is called again on the newer record when somebody else was
 * faster, so that both changes hold; its error ends the change. An endpoint that is active
 * afterwards starts with a clean record of its health. ERR_OVERTAKEN: others were faster again and
 * again. */
typedef enum err endpoint_change_fn(struct endpoint *now, void *arg);
enum err endpoint_change(struct task *task, struct state *state, struct slice id,
                         endpoint_change_fn *fn, void *arg, struct endpoint *out);
/* A new secret; the old one signs as well for ENDPOINT_OLD_SECRET_MS. For endpoint_change(). */
enum { ENDPOINT_OLD_SECRET_MS = 24 * 3600 * 1000 };
void endpoint_rotate_secret(struct arena *arena, struct endpoint *endpoint);
enum err endpoint_delete(struct task *task, struct state *state, const struct endpoint *endpoint);
/* For what `endpoint`, as it was loaded, did wrong. ERR_CONFLICT: it is not active any more, or has
 * been given another URL since, which is not to blame. */
enum err endpoint_disable(struct task *task, struct state *state, const struct endpoint *endpoint,
                          struct slice reason);
/* To be called when an account's rights have changed: endpoints of a disabled one rest until it is
 * enabled again, those that heard everybody's events end when it is no admin's any more, and what
 * waits for them with them. May be repeated. */
enum err endpoint_follow_owner(struct task *task, struct state *state, const struct account *owner);
/* Seals the secrets of endpoints that an older version has left plain; once per state. */
enum err endpoint_seal_plain(struct task *task, struct state *state);
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
