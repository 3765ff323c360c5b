/* resumable.h: uploads that go over several requests: `resumable` in schemas/records.yaml, in their
 * owner's partition. Beside the records: "{pN}:resumables", ids by when to look whether they have
 * expired; "{pN}:unfinished:<user id>", a hash of the `items` and `bytes` that an account's
 * unfinished ones take, changed by the commits that begin and end them; "{pN}:finals:<user id>",
 * the unfinished ones that are made of others. Their files are core/store/partial.h's. */
#pragma once

#include "records.h"
#include "state/media.h"
#include "state/once.h"

enum { RESUMABLES_MAX = 64 }; /* of a list */

/* What an account's unfinished ones may take, and how long they live without a change. */
struct resumable_bounds {
    uint64_t items, bytes;
    uint64_t life_ms;
};

/* The caller gives owner, part, length (or deferred), metadata, concat and reserved; the rest is
 * filled in. ERR_QUOTA: as many or as much as may be is unfinished. once as for media_create(). */
enum err resumable_create(struct task *task, struct state *state, struct resumable *resumable,
                          const struct resumable_bounds *bounds, const struct once_claim *once);
/* ERR_NOT_FOUND also when it is somebody else's. */
enum err resumable_load(struct task *task, struct state *state, struct slice id, struct slice owner,
                        struct resumable *out);
/* Of one whose length was deferred. ERR_CONFLICT: it has another one by now. The record is loaded
 * anew by this and the next. */
enum err resumable_set_length(struct task *task, struct state *state, struct resumable *resumable,
                              uint64_t length);
/* What comes after `from` is to be proven; or, when it is not in doubt, all there is holds. */
enum err resumable_set_doubt(struct task *task, struct state *state, struct resumable *resumable,
                             bool doubt, uint64_t from);
/* Ends it: a part of the commit that makes its media, which is ERR_OVERTAKEN when somebody else has
 * changed or ended it. length: of all of it; due_ms: when to look at it, from now. */
void resumable_end(struct commit *commit, const struct resumable *resumable, struct slice media_id,
                   uint64_t length, uint64_t due_ms);
/* Removes the record. ERR_OVERTAKEN: it has changed since. */
enum err resumable_remove(struct task *task, struct state *state,
                          const struct resumable *resumable);

/* The ids of the owner's unfinished finals, RESUMABLES_MAX at most. */
enum err resumable_finals(struct task *task, struct state *state, struct slice owner,
                          struct slice **ids, size_t *n);

/* Those to be looked at by now, RESUMABLES_MAX at most; and when to look at one again (0: never,
 * there is no such record). */
enum err resumable_due(struct task *task, struct state *state, unsigned partition,
                       struct slice **ids, size_t *n);
enum err resumable_look_again(struct task *task, struct state *state, unsigned partition,
                              struct slice id, uint64_t at_ms);
