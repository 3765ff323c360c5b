/* bond.h: state and store belong together: both bear the hub's id (state/identity.h, store/mark.h).
 * Who serves with one and not the other loses content without a word: a state that was lost leaves
 * blobs that nobody knows and the collector removes, a store that is not mounted takes uploads that
 * nobody finds again. So a hub opens its store here, and is refused where the two do not fit.
 *
 * A new hub's are made and marked. A hub that was made before there were ids is adopted when its
 * records and its blobs fit: of some content that records name, some is there, and where no record
 * names any, the store has none. Knows core/state and core/store; must not know HTTP. */
#pragma once

#include "base/arena.h"
#include "state/state.h"
#include "store/store.h"

enum bond_fit {
    BOND_FITS,
    BOND_NEW,            /* nothing was kept in either: to be marked */
    BOND_TO_PROVE,       /* from before there were ids: content decides */
    BOND_STATE_LOST,     /* the store has content, or a mark, and the state is empty */
    BOND_STORE_LOST,     /* the state has a store, and here is none */
    BOND_STORE_UNMARKED, /* ... and here is one that bears no mark */
    BOND_FOREIGN,        /* two hubs */
    BOND_STATE_OLD,      /* the store is marked, and the state is one of before that */
    BOND_PARTITIONS, /* the state's number of partitions is not that of its id, or the store's */
    BOND_NEWER,      /* a later version made the store */
    BOND_UNREADABLE,
};

enum bond_store {
    BOND_STORE_ABSENT,
    BOND_STORE_EMPTY,
    BOND_STORE_CONTENT, /* no mark */
    BOND_STORE_MARKED,
    BOND_STORE_NEWER,
    BOND_STORE_UNREADABLE,
};

/* What was found on both sides. */
struct bond_sight {
    struct slice id; /* the state's, "hub_... 1"; empty: none */
    bool id_fits;    /* it says as many partitions as there are */
    bool has_store;  /* a store was marked with it */
    bool used;       /* the state has accounts */
    enum bond_store store;
    struct slice mark; /* the store's, as id */
};

enum bond_fit bond_judge(const struct bond_sight *sight);

/* Waits for nothing but the answers of a state that is ready. OK: *out is open, and from now on no
 * server of another hub will do for `state`. ERR_CONFLICT: *problem, in the task's arena, says in
 * one line what was found and what to do; nothing was changed. ERR_INTERNAL: *problem says why the
 * folder cannot be used. Suspends, and blocks for the disk: for the start. */
enum err bond_open_store(struct task *task, struct state *state, struct slice folder,
                         uint64_t reserve_bytes, struct store **out, struct slice *problem);

/* ERR_CONFLICT, as above: the store is kept and the state is not. Whoever writes to such a state
 * makes a new hub beside the old one's content. Suspends; changes nothing. */
enum err bond_state_kept(struct task *task, struct state *state, struct slice folder,
                         struct slice *problem);

/* The store is this hub's from now on, whatever it says: for the one who knows better. */
enum err bond_claim_store(struct task *task, struct state *state, struct slice folder,
                          struct slice *problem);
