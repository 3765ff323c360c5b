/* session.h: server-side logins: an allow list by token id (jti). Deleting the record ends the
 * session at once. A session belongs to a family: the refresh tokens that followed each other
 * since one login; reuse of a spent refresh token ends the family. The records are `session`,
 * `refresh` and `family` in schemas/records.yaml, all in the user's partition. */
#pragma once

#include "records.h"

enum { SESSION_LIFE_S = 3600, REFRESH_LIFE_S = 30 * 86400 };

/* Begins a family: a session and a refresh token (opaque, stored hashed). */
enum err session_create(struct task *task, struct state *state, struct slice user_id,
                        unsigned partition, bool admin, struct session *out,
                        struct slice *refresh_token);

/* Sent and awaited apart, so that admission can pipeline it with the rate counter. session_take:
 * ERR_UNAUTHORIZED for an ended or expired one. */
struct redis_call *session_send(struct state *state, struct arena *arena, struct slice session_id,
                                unsigned partition);
enum err session_take(struct task *task, struct redis_call *call, struct session *out);

/* Ends the session's family: its refresh tokens and all of its sessions, with a session.ended for
 * each, whose resource is the session's id (realtime closes its sockets). OK when already ended. */
enum err session_end(struct task *task, struct state *state, const struct session *session);

/* Spends a refresh token: OK once; ERR_UNAUTHORIZED for unknown, expired, or spent before (then the
 * whole family is ended), or when the account is gone or inactive. Earlier sessions of the family
 * live on until they expire; the new one has the account's present role. */
enum err session_refresh(struct task *task, struct state *state, struct slice refresh_token,
                         struct session *out, struct slice *next_refresh_token);
