/* commit.h: the only way to write durable state. A commit is built in memory (checks, events,
 * writes), sent as one FCALL, and applied whole or not at all: all checks first, then the
 * partition's head and its stream entries, then the writes. It touches one partition.
 *
 * The commit carries an id under which the function keeps its result for 10 minutes. When the
 * connection dies before the answer, commit_send() asks again for up to 5 s, so that a lost reply
 * never makes a second record; past that ERR_STATE_UNAVAILABLE: nobody knows.
 *
 *     struct commit *commit = commit_new(task, state, partition);
 *     commit_require_absent(commit, key);
 *     commit_event(commit, &event);
 *     commit_write(commit, SLICE("HSET"), key, SLICE("title"), title);
 *     err = commit_send(commit);
 */
#pragma once

#include "state/event.h"
#include "state/state.h"

enum { COMMIT_MAX_WRITES = 500, COMMIT_RETRY_MS = 5000 };

struct commit;

struct commit *commit_new(struct task *task, struct state *state, unsigned partition);

/* For modules that add their part to somebody else's commit. */
struct arena *commit_arena(const struct commit *commit);
unsigned commit_partition(const struct commit *commit);

/* Checks are numbered from 0 in the order of these calls. */
void commit_require_present(struct commit *commit, struct slice key);
void commit_require_absent(struct commit *commit, struct slice key);
void commit_require_field(struct commit *commit, struct slice key, struct slice field,
                          struct slice value);
/* `more` fits on top of the number in the field, up to `most`; else commit_send() says ERR_QUOTA.
 */
void commit_require_room(struct commit *commit, struct slice key, struct slice field, uint64_t more,
                         uint64_t most);
/* `member` is in the sorted set; else commit_send() says `otherwise`. */
void commit_require_member(struct commit *commit, struct slice key, struct slice member,
                           enum err otherwise);
/* The sorted set takes `more` members, up to `most`; else commit_send() says ERR_QUOTA. */
void commit_require_places(struct commit *commit, struct slice key, uint64_t more, uint64_t most);
/* The record is there and has this rev (record.h). */
void commit_require_rev(struct commit *commit, struct slice key, uint64_t rev);

/* commit_send() will write nothing and return this error; the first one stays. */
void commit_refuse(struct commit *commit, enum err why);

/* Appends an event to the partition's stream; fills in event->id (if empty) and timestamp. */
void commit_event(struct commit *commit, struct event *event);

/* One write; its first argument after the name is a key of this partition. The commands, in capital
 * letters, and their shapes stand in SHAPES in functions.lua; ours are UNREF key (DECR, and the key
 * goes at 0), JOB_* key (job.c alone), *COLLECT* key .. (collection_members.c alone), ZADDNX key
 * score member.., and TALLY key field increment.. (HINCRBY of each field, if the hash is there). */
void commit_writev(struct commit *commit, const struct slice *argv, size_t argc);
#define commit_write(commit, ...)                                                                  \
    commit_writev((commit), REDIS_ARGV(__VA_ARGS__), REDIS_ARGC(__VA_ARGS__))

/* Also when the server's memory is full, where others get ERR_STORAGE_FULL: for what frees some,
 * ends what was taken, or must go on so that somebody can free some. */
void commit_allow_full(struct commit *commit);

/* Suspends. ERR_CONFLICT: a check failed; ERR_OVERTAKEN: that of a rev; ERR_QUOTA: that of a room
 * or of places; that of a member says which. */
enum err commit_send(struct commit *commit);
int commit_failed_check(const struct commit *commit); /* after those two; else -1 */
