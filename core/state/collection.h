/* collection.h: media of one owner that belong together, in an order of their own: `collection` in
 * schemas/records.yaml, in its owner's partition. "{pN}:collections_of:<user id>" is a sorted set
 * of an account's, by creation. Its members are collection_members.h's. */
#pragma once

#include "state/once.h"

/* Fills in id, partition (the owner's) and times; emits collection.created. most: that an account
 * may have; ERR_QUOTA: it has them. once may be NULL (ERR_CONFLICT: its key made something else).
 */
enum err collection_create(struct task *task, struct state *state, uint64_t most,
                           struct collection *collection, const struct once_claim *once);
enum err collection_load(struct task *task, struct state *state, struct slice id,
                         struct collection *out);
/* Loads the collection, has fn change it (name, description, is_public, cover), and saves it with a
 * new updated_ms; emits collection.updated. fn is called again on the newer record when somebody
 * else was faster, so that both changes hold; its error ends the change. ERR_VALIDATION: the cover
 * is no member. ERR_OVERTAKEN: others were faster again and again. */
typedef enum err collection_change_fn(struct collection *now, void *arg);
enum err collection_change(struct task *task, struct state *state, struct slice id,
                           collection_change_fn *fn, void *arg, struct collection *out);
/* When fn has looked at the present record and found nothing against it. Emits collection.deleted;
 * the media stay, and their records forget the collection by and by
 * (collection_forget_deleted()). ERR_NOT_FOUND: somebody was faster. */
enum err collection_delete(struct task *task, struct state *state, struct slice id,
                           collection_change_fn *fn, void *arg);

/* A page of an account's, newest first, and how many there are. */
enum err collection_list(struct task *task, struct state *state, unsigned partition,
                         struct slice owner, uint64_t skip, uint64_t limit, struct collection **out,
                         size_t *n, uint64_t *total);
