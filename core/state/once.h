/* once.h: what a client asks for under a key of its own (Idempotency-Key) happens once: principal,
 * operation and key lead to what was made of which body. The record is written by the commit that
 * makes the thing, so neither a crash nor a race makes two; it lives for a day, or as long as the
 * thing does. While the first is under way a lease on the volatile server holds the key; it ends by
 * itself when its process dies. */
#pragma once

#include "records.h"

enum { ONCE_LIFE_MS = 24 * 3600 * 1000, ONCE_LEASE_MS = 5000, ONCE_RENEW_MS = 1500 };

struct once_claim {
    struct once record;       /* `made` empty: nothing was made yet */
    struct slice fingerprint; /* of the body of this request; the caller's to set */
    struct slice lease, holder;
    bool held;
    uint64_t renewed_ms;
};

/* partition: of the principal. */
void once_init(struct once_claim *claim, struct arena *arena, unsigned partition,
               struct slice principal, struct slice operation, struct slice key);

/* Looks what was made, and holds the key when nothing was. ERR_CONFLICT: somebody is at it now.
 * ERR_STATE_UNAVAILABLE: nobody knows what was made; while the volatile server is away the commit
 * alone decides. Also to look again after the commit said ERR_CONFLICT. */
enum err once_begin(struct task *task, struct state *state, struct once_claim *claim);
/* Goes on holding it; to be called as often as may be while something long goes on. */
void once_renew(struct task *task, struct state *state, struct once_claim *claim);
/* Lets it go; does not suspend. */
void once_end(struct state *state, struct once_claim *claim);

/* Adds the record to the commit that makes `made`, whose own record is made_key: ERR_CONFLICT when
 * somebody else made something under the key. claim may be NULL. */
void once_settle(struct commit *commit, const struct once_claim *claim, struct slice made,
                 struct slice made_key);
/* The same for what is made in another partition, afterwards: a crash in between leaves the key
 * free. */
void once_note(struct task *task, struct state *state, const struct once_claim *claim,
               struct slice made, struct slice made_key);
