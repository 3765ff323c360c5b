/* usage.h: what an account's media take, against what they may: "{pN}:usage:<user id>", a hash of
 * `bytes` (of the originals; what is there twice counts twice) and `items`. It is changed by the
 * commits that make and remove media, so it is exact whatever goes on at once. Who has none (an
 * account of before there were any, or a new one) is counted when it is first asked for.
 *
 * Near the bound an upload claims its room before its bytes are kept, so that whoever is refused
 * leaves nothing behind: "{pN}:claims:<user id>", claim -> "<bytes> <Unix ms>". A claim is counted
 * as used; one whose process died is given back when somebody else lacks the room. */
#pragma once

#include "state/commit.h"

struct usage {
    uint64_t bytes, items;
};

/* What media_create() is to respect. */
struct usage_bound {
    struct usage most;  /* 0: no bound */
    struct slice claim; /* as usage_claim() wrote it; empty: none, there is room enough */
    struct slice claim_value;
};

enum err usage_load(struct task *task, struct state *state, struct slice owner, struct usage *out);

/* Is there room for one more item of this size? Fills in bound->claim where the room is not ample;
 * then the claim is spent by the commit that usage_add() is part of, or given back. ERR_QUOTA. */
enum err usage_claim(struct task *task, struct state *state, struct slice owner, uint64_t bytes,
                     struct usage_bound *bound);
void usage_give_back(struct task *task, struct state *state, struct slice owner,
                     const struct usage_bound *bound);

/* Parts of a commit, which usage_add() begins: its checks are the first ones. commit_send() says
 * ERR_QUOTA when there is no room. */
void usage_add(struct commit *commit, struct slice owner, uint64_t bytes,
               const struct usage_bound *bound); /* bound may be NULL */
void usage_remove(struct commit *commit, struct slice owner, uint64_t bytes);
/* After ERR_CONFLICT of a commit that usage_add() began: nobody has counted the account yet, or its
 * claim was given back. It is to be tried again, after usage_load() and without the claim. */
bool usage_is_unknown(const struct commit *commit);

/* Counts what is there, claims included. *recorded: what was taken for it; `known`: there was
 * something. repair: from now on it is what was counted. Exact also while others write; takes the
 * server a microsecond for each item. */
struct usage_count {
    struct usage recorded, counted;
    bool known;
};
enum err usage_recount(struct task *task, struct state *state, struct slice owner, bool repair,
                       struct usage_count *out);
