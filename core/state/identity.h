/* identity.h: whose state this is. "hub:id" holds one text, "<id> <partitions>", made when a hub
 * first starts and never changed; "hub:store" exists from when a store was first marked with it.
 * The store's side is core/store/mark.h, and core/bond holds the two together. */
#pragma once

#include "state/state.h"

struct identity {
    struct slice text; /* "hub_01J... 1"; empty: the state has none */
    bool has_store;    /* a store bears it */
    bool used;         /* accounts exist */
};

enum err identity_load(struct task *task, struct state *state, struct identity *out);
/* Gives the state an id, unless it has one meanwhile. */
enum err identity_make(struct task *task, struct state *state, struct identity *identity);
/* A store bears it from now on. */
enum err identity_note_store(struct task *task, struct state *state);
/* Does the id say as many partitions as the state has? */
bool identity_fits(const struct identity *identity, const struct state *state);
/* Only a server with this id will do for the rest of the process's life (redis_expect()). */
void identity_expect(struct state *state, const struct identity *identity);
