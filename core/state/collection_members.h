/* collection_members.h: which media are in a collection (collection.h), and in which order. Sorted
 * sets by place: "{pN}:members:<id>" has all of them, "{pN}:shown:<id>" the public ones, which are
 * what others see of it; how many there are is never written anywhere else. Which collections a
 * media is in, its own record says too (`collections`), for the catalogue. All of that changes in
 * one commit, which has the media's rev for a fence: of an addition and a deletion at the same time
 * the second one sees the first. Members are media of the collection's owner. */
#pragma once

#include "records.h"

enum {
    COLLECTION_MEDIA_MAX = 100000,
    COLLECTIONS_OF_MEDIA_MAX = 100, /* as `collections` in records.yaml is bounded */
    COLLECTION_MOVE_MAX = 500,
};

/* The sorted set of an account's collections. */
struct slice collection_list_key(struct arena *arena, unsigned partition, struct slice owner);
struct slice collection_members_key(struct arena *arena, const struct collection *collection);

/* Puts media behind the others, in this order; who is there already stays where he is, and ids that
 * come twice count once. ERR_NOT_FOUND: *unknown is no media of the collection's owner, or (empty)
 * the collection is gone. ERR_QUOTA: there is no room for all of them, or (*unknown) this one is in
 * COLLECTIONS_OF_MEDIA_MAX already. Nothing was added then, unless somebody else interfered: many
 * go some at a time, and adding them again adds what is missing. */
enum err collection_add(struct task *task, struct state *state, const struct collection *collection,
                        const struct slice *ids, size_t n, struct slice *unknown);
/* ERR_NOT_FOUND: it is no member, or the collection is gone. */
enum err collection_take_out(struct task *task, struct state *state,
                             const struct collection *collection, struct slice media_id);

/* Where members go: before or after another one, or (`anchor` empty) at a place counted from 0
 * among those that do not move; beyond the end is the end. */
struct collection_place {
    struct slice anchor;
    bool after;
    uint64_t at;
};
/* n: 1 .. COLLECTION_MOVE_MAX, none twice, the anchor not among them. All of them move in one
 * commit. ERR_NOT_FOUND: one of them or the anchor is no member, or the collection is gone. */
enum err collection_move(struct task *task, struct state *state,
                         const struct collection *collection, const struct slice *ids, size_t n,
                         const struct collection_place *place);

/* What somebody sees of a collection: all members, or those that are shown to everybody. */
struct collection_view {
    uint64_t count;
    struct slice cover; /* the chosen one, else the first; empty: there is none */
};
/* out[n]; all[i]: as its owner sees it. One round trip. */
enum err collection_look(struct task *task, struct state *state,
                         const struct collection *collections, const bool *all, size_t n,
                         struct collection_view *out);
/* A page of the members in their order, and how many there are. Whoever is deleted meanwhile is
 * left out of the page. */
enum err collection_members(struct task *task, struct state *state,
                            const struct collection *collection, bool all, uint64_t skip,
                            uint64_t limit, struct media **out, size_t *n, uint64_t *total);

/* Parts of the commits that make, change and delete a media. Entering: media->collections are of
 * its owner, else ERR_NOT_FOUND, and have room, else ERR_QUOTA. */
void collection_enter_all(struct commit *commit, const struct media *media);
void collection_show_all(struct commit *commit,
                         const struct media *media); /* it is public, or not */
void collection_leave_all(struct commit *commit, const struct media *media);

/* Part of the commit that deletes the collection; then the records of its members forget it, some
 * of them with each call, until *stopping. */
void collection_members_orphan(struct commit *commit, const struct collection *collection);
enum err collection_forget_deleted(struct task *task, struct state *state, const bool *stopping);
