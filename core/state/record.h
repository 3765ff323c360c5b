/* record.h: records as rows of fields (schemas/records.yaml, records.h): load one or many, make,
 * save what changed, remove. Each change is a part of somebody's commit and carries a fence: it
 * holds only while the record has the `rev` that was loaded, and then rev goes up by one, so of two
 * changes of one snapshot the second is overtaken (ERR_OVERTAKEN) and nothing of it is written.
 * Whoever is overtaken loads again and repeats the change: record_change() does, a bounded number
 * of times; past it ERR_OVERTAKEN is the answer (409).
 *
 * `record` is a pointer to a generated struct; its type says which kind. Its key members must be
 * set: `id` alone where ids carry the partition, else also `partition`. Texts of what was loaded
 * live in the task's arena. Lists are replaced, never written into: was and now share them. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "state/commit.h"

enum { RECORD_PATIENCE_MS = 5000, RECORD_CHUNK = 500 };

struct record_shape;

struct record_entry { /* of a map */
    struct slice name, value;
};

/* Sets the partition from the id; ERR_NOT_FOUND: no id of this kind. record_load() does it. */
#define record_locate(state, record) record_locate_as(state, RECORD_SHAPE(record), record)
/* The name of its hash. */
#define record_key(arena, record) record_key_as(arena, RECORD_SHAPE(record), record)
/* ERR_NOT_FOUND: there is none; ERR_INTERNAL: it has what no version of ours has written. */
#define record_load(task, state, record) record_load_as(task, state, RECORD_SHAPE(record), record)
/* Sent and awaited apart, to be pipelined with other commands. */
#define record_send(state, arena, record) record_send_as(state, arena, RECORD_SHAPE(record), record)
#define record_take(task, call, record) record_take_as(task, call, RECORD_SHAPE(record), record)
/* Loads the n records of an array, RECORD_CHUNK to a round trip. Those that are not there (any
 * more), or not readable (logged), are left out: *n becomes how many there are, in their order. */
#define record_load_many(task, state, records, n)                                                  \
    record_load_many_as(task, state, RECORD_SHAPE(records), records, n)
/* Out of an HGETALL-shaped list, the answer of a function. ERR_NOT_FOUND when it is empty. */
#define record_read(arena, fields, record)                                                         \
    record_read_as(arena, RECORD_SHAPE(record), fields, record)

/* Adds to a commit: the record, which must not be there yet (ERR_CONFLICT). */
#define record_create(commit, record) record_create_as(commit, RECORD_SHAPE(record), record)
/* Adds what differs between them; `now` gets the new rev. */
#define record_save(commit, was, now)                                                              \
    record_save_as(commit, RECORD_SHAPE(1 ? (was) : (now)), was, now)
#define record_remove(commit, was) record_remove_as(commit, RECORD_SHAPE(was), was)

/* One change of a loaded record: changes `now` (a copy of `was`), adds to the commit what belongs
 * to it, and may suspend. Is called again, with a newer record, when it was overtaken; an error
 * ends it and nothing is written. */
typedef enum err record_change_fn(struct commit *commit, const void *was, void *now, void *arg);
#define record_change(task, state, record, fn, arg)                                                \
    record_change_as(task, state, RECORD_SHAPE(record), record, fn, arg)

/* What is no change of one record: calls fn, which loads, judges and commits, until it is not
 * overtaken, for at most RECORD_PATIENCE_MS. */
typedef enum err record_try_fn(struct task *task, struct state *state, void *arg);
enum err record_repeat(struct task *task, struct state *state, record_try_fn *fn, void *arg);

struct slice record_key_as(struct arena *arena, const struct record_shape *shape,
                           const void *record);
enum err record_locate_as(const struct state *state, const struct record_shape *shape,
                          void *record);
enum err record_load_as(struct task *task, struct state *state, const struct record_shape *shape,
                        void *record);
struct redis_call *record_send_as(struct state *state, struct arena *arena,
                                  const struct record_shape *shape, const void *record);
enum err record_take_as(struct task *task, struct redis_call *call,
                        const struct record_shape *shape, void *record);
enum err record_load_many_as(struct task *task, struct state *state,
                             const struct record_shape *shape, void *records, size_t *n);
enum err record_read_as(struct arena *arena, const struct record_shape *shape,
                        const struct redis_value *fields, void *record);
void record_create_as(struct commit *commit, const struct record_shape *shape, void *record);
void record_save_as(struct commit *commit, const struct record_shape *shape, const void *was,
                    void *now);
void record_remove_as(struct commit *commit, const struct record_shape *shape, const void *was);
enum err record_change_as(struct task *task, struct state *state, const struct record_shape *shape,
                          void *record, record_change_fn *fn, void *arg);

struct slice record_number(struct arena *arena, uint64_t number); /* as a record keeps it */
