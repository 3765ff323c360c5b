/* session.h: server-side logins of Media Vault: an allow list by token id (jti). Deleting the
 * record ends the session at once. A session belongs to a family: the refresh tokens that followed
 * each other since one login. A refresh token works once; asked for again within REFRESH_GRACE_MS
 * it gives the same successor (two tabs, a lost answer), later its family ends, since somebody else
 * has it. The records are `session`, `refresh` and `family` in schemas/records.yaml, in the
 * partition of the user, whose families are listed in "{pN}:families_of:<user id>" (sorted set by
 * expiry). */
#pragma once

#include "records.h"

enum {
    SESSION_LIFE_S = 3600,
    REFRESH_LIFE_S = 30 * 86400,
    REFRESH_GRACE_MS = 30000,
    FAMILIES_MAX = 500, /* of one user; past it the oldest login ends */
};

struct login_origin {
    struct slice address, client; /* UTF-8; cut to what the record takes */
};

/* A login: a session and a refresh token (opaque, stored hashed) of a new family, with the rights
 * that the account has now. `account` is as it was when its password was proved: ERR_UNAUTHORIZED
 * when that password or the account does not hold any more. */
enum err session_create(struct task *task, struct state *state, const struct account *account,
                        const struct login_origin *origin, struct session *out,
                        struct slice *refresh_token);

/* Sent and awaited apart, so that admission can pipeline it with the rate counter. session_take:
 * ERR_UNAUTHORIZED for an ended or expired one. */
struct redis_call *session_send(struct state *state, struct arena *arena, struct slice session_id,
                                unsigned partition);
enum err session_take(struct task *task, struct redis_call *call, struct session *out);
enum err session_load(struct task *task, struct state *state, struct slice session_id,
                      unsigned partition, struct session *out);

/* Ends the session's family: its refresh tokens and all of its sessions, with a session.ended for
 * each, whose resource is the session's id (realtime closes its sockets). OK when already ended. */
enum err session_end(struct task *task, struct state *state, const struct session *session);
/* The same for the family of a refresh token, spent or not. ERR_UNAUTHORIZED: it is none of ours.
 */
enum err session_end_by_token(struct task *task, struct state *state, struct slice refresh_token);

/* Spends a refresh token at the time now_ms: OK once, and OK again with the same session and token
 * for REFRESH_GRACE_MS. ERR_UNAUTHORIZED for unknown, expired, or spent before that (then the whole
 * family is ended), and when the account is gone, inactive, or has logged the family out. Earlier
 * sessions of the family live on until they expire; the new one has the account's present role. */
enum err session_refresh(struct task *task, struct state *state, struct slice refresh_token,
                         uint64_t now_ms, struct session *out, struct slice *next_refresh_token);

/* The families of a user that have not expired, newest first. */
enum err session_families(struct task *task, struct state *state, struct slice user_id,
                          unsigned partition, struct family **out, size_t *n);
/* Ends all of them from before `before_ms` but `kept` (its id, or empty). *ended counts them. */
enum err session_end_families(struct task *task, struct state *state, struct slice user_id,
                              unsigned partition, struct slice kept, uint64_t before_ms,
                              size_t *ended);
