/* granted_access.h: logins of the Backup Repository: one record for each token (`granted_access`
 * in schemas/records.yaml) in its user's partition, and per user
 * "{pN}:granted_to:<user id>" (sorted set by creation). A record stays after its end, so that one
 * can look up who had access: for GRANTED_KEPT_S, and only the newest GRANTED_MAX of a user. */
#pragma once

#include "records.h"

enum { GRANTED_KEPT_S = 90 * 86400, GRANTED_MAX = 10000, GRANTED_LIST_MAX = 100 };

/* Everything is the caller's to fill in but updated_ms. ERR_CONFLICT: this token has its record. */
enum err granted_access_create(struct task *task, struct state *state,
                               struct granted_access *access);

/* Sent and awaited apart, so that admission can pipeline it with the rate counter. ERR_NOT_FOUND:
 * there is no such record. Whether it is still good is granted_access_holds(). */
struct redis_call *granted_access_send(struct state *state, struct arena *arena, struct slice id,
                                       unsigned partition);
enum err granted_access_take(struct task *task, struct redis_call *call,
                             struct granted_access *out);
bool granted_access_holds(const struct granted_access *access, uint64_t now_ms);

/* In whichever partition it is. ERR_NOT_FOUND. */
enum err granted_access_find(struct task *task, struct state *state, struct slice id,
                             struct granted_access *out);

/* Emits session.revoked, whose resource is the id (realtime closes its sockets). OK when it was
 * revoked before. */
enum err granted_access_revoke(struct task *task, struct state *state,
                               const struct granted_access *access);

/* All of a user's from before `before_ms` that still hold. *revoked counts them. */
enum err granted_access_revoke_all(struct task *task, struct state *state, struct slice user_id,
                                   unsigned partition, uint64_t before_ms, size_t *revoked);

/* Newest first, at most GRANTED_LIST_MAX. */
enum err granted_access_list(struct task *task, struct state *state, struct slice user_id,
                             unsigned partition, struct granted_access **out, size_t *n);
