/* state_by_hand.h: the state server as only a hand reaches it: what no module tells, and damage
 * that none does. The one place in the unit tests that spells keys and fields which are not the
 * test's own. Comes after state_fixture.h. */
#pragma once

#include "state_fixture.h"

#include "state/account.h"
#include "state/blob.h"
#include "state/media.h"
#include "state/position.h"

#define HAND_KEYRING SLICE_INIT("hub:keyring")

static inline struct redis_value hand_callv(struct task *task, struct redis *redis,
                                            const struct slice *argv, size_t argc)
{
    struct redis_value reply;

    assert_int_equal(state_callv(task, redis, &reply, argv, argc), OK);
    return reply;
}
#define hand_call(task, redis, ...)                                                                \
    hand_callv((task), (redis), REDIS_ARGV(__VA_ARGS__), REDIS_ARGC(__VA_ARGS__))

static inline struct slice hand_number(struct task *task, uint64_t number)
{
    return arena_printf(task->arena, "%llu", (unsigned long long)number);
}

/* --- the history --- */

static inline struct slice hand_events_key(struct task *task, unsigned partition)
{
    return state_key(task->arena, partition, "events");
}

/* The stream's entries so far: {id, {field, value, ...}}. */
static inline struct redis_value hand_events(struct task *task, struct state *state,
                                             unsigned partition)
{
    return hand_call(task, state->durable, SLICE("XRANGE"), hand_events_key(task, partition),
                     SLICE("-"), SLICE("+"));
}

static inline uint64_t hand_count_events(struct task *task, struct state *state, unsigned partition)
{
    return (uint64_t)hand_call(task, state->durable, SLICE("XLEN"),
                               hand_events_key(task, partition))
        .number;
}

static inline struct redis_value hand_head(struct task *task, struct state *state,
                                           unsigned partition)
{
    return hand_call(task, state->durable, SLICE("HGETALL"),
                     state_key(task->arena, partition, "head"));
}

static inline void hand_lose_history(void)
{
    redis_fixture_command("DEL {p0}:head {p0}:events");
}

/* As after a failover to a server that had heard less. */
static inline void hand_set_back(struct task *task, struct state *state, const struct head *head)
{
    struct slice offset = hand_number(task, head->offset);

    hand_call(task, state->durable, SLICE("HSET"), state_key(task->arena, 0, "head"),
              SLICE("offset"), offset, SLICE("hash"), slice_from(head->hash));
    hand_call(task, state->durable, SLICE("EVAL"),
              SLICE("local all = redis.call('XRANGE', KEYS[1], '-', '+') "
                    "redis.call('DEL', KEYS[1]) "
                    "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], "
                    "all[i][1], unpack(all[i][2])) end return 1"),
              SLICE("1"), hand_events_key(task, 0), offset);
}

/* UINT64_MAX: all of them go. */
static inline void hand_trim(struct task *task, struct state *state, unsigned partition,
                             uint64_t first_kept)
{
    hand_call(task, state->durable, SLICE("XTRIM"), hand_events_key(task, partition),
              SLICE("MINID"), arena_printf(task->arena, "%llu-0", (unsigned long long)first_kept));
}

static inline void hand_add_empty_events(struct task *task, struct state *state, unsigned n)
{
    enum { AT_ONCE = 100000 }; /* a script that takes too long is a fault */

    for (unsigned i = 0; i < n; i += AT_ONCE)
        hand_call(task, state->durable, SLICE("EVAL"),
                  SLICE("for i = 1, ARGV[1] do "
                        "redis.call('XADD', KEYS[1], '*', 'f', '') end return 1"),
                  SLICE("1"), hand_events_key(task, 0), hand_number(task, AT_ONCE));
}

/* --- jobs --- */

static inline uint64_t hand_count_jobs(struct task *task, struct state *state, const char *which)
{
    return (uint64_t)hand_call(task, state->durable, SLICE("ZCARD"),
                               state_key(task->arena, 0, "%s", which))
        .number;
}

static inline uint64_t hand_leased_jobs(struct task *task, struct state *state)
{
    return hand_count_jobs(task, state, "leases");
}

static inline uint64_t hand_parked_jobs(struct task *task, struct state *state)
{
    return hand_count_jobs(task, state, "jobs_parked");
}

/* The deadline of its lease is over. */
static inline void hand_end_lease(struct task *task, struct state *state, const struct job *job)
{
    hand_call(task, state->durable, SLICE("ZADD"), state_key(task->arena, job->partition, "leases"),
              SLICE("1"), job->id);
}

/* It was queued so much earlier. place: "<lane>:<kind>". */
static inline void hand_age_job(struct task *task, struct state *state, const char *place,
                                struct slice owner, struct slice id, uint64_t ms)
{
    hand_call(task, state->durable, SLICE("ZINCRBY"),
              state_key(task->arena, 0, "queue:%s:%.*s", place, SLICE_ARG(owner)),
              arena_printf(task->arena, "-%llu", (unsigned long long)ms), id);
}

/* It has waited too long. */
static inline void hand_make_late(struct task *task, struct state *state, const char *place,
                                  struct slice id)
{
    hand_call(task, state->durable, SLICE("ZADD"), state_key(task->arena, 0, "late:%s", place),
              SLICE("1"), id);
}

/* A job in no index, as older versions had it. */
static inline void hand_forget_index(struct task *task, struct state *state, const struct job *job)
{
    hand_call(task, state->durable, SLICE("DEL"), state_key(task->arena, 0, "jobs_all"),
              state_key(task->arena, 0, "jobs_of:%.*s", SLICE_ARG(job->owner)),
              state_key(task->arena, 0, "jobs_parked:%.*s", SLICE_ARG(job->owner)),
              state_key(task->arena, 0, "jobs_about:%.*s", SLICE_ARG(job->subject_id)));
}

/* A queued job as they had it: in a list, and without a cost. */
static inline void hand_queue_as_before(struct task *task, struct state *state, const char *place,
                                        const struct job *job)
{
    struct slice owner = job->owner;

    hand_forget_index(task, state, job);
    hand_call(task, state->durable, SLICE("DEL"),
              state_key(task->arena, 0, "queue:%s:%.*s", place, SLICE_ARG(owner)),
              state_key(task->arena, 0, "turn:%s", place),
              state_key(task->arena, 0, "late:%s", place));
    hand_call(task, state->durable, SLICE("HDEL"), record_key(task->arena, job), SLICE("due"),
              SLICE("cost"), SLICE("subject"));
    hand_call(task, state->durable, SLICE("RPUSH"),
              state_key(task->arena, 0, "jobs:%s:%.*s", place, SLICE_ARG(owner)), job->id);
    hand_call(task, state->durable, SLICE("ZADD"), state_key(task->arena, 0, "ring:%s", place),
              SLICE("1"), owner);
}

/* Keys of jobs, their queues and indexes; not what their owners have used. */
static inline size_t hand_remains_of_jobs(struct task *task, struct state *state)
{
    return hand_call(task, state->durable, SLICE("KEYS"), SLICE("{p0}:[jlqrt]*")).n;
}

/* Keys of blobs, jobs, leases, media and what is ready. */
static inline size_t hand_remains_of_media(struct task *task, struct state *state)
{
    return hand_call(task, state->durable, SLICE("KEYS"), SLICE("{p0}:[bjlmr]*")).n;
}

/* What workers have told of their progress, as hand_events(). */
static inline struct redis_value hand_progress(struct task *task, struct state *state)
{
    return hand_call(task, state->volatile_redis, SLICE("XRANGE"), SLICE("hub:progress"),
                     SLICE("-"), SLICE("+"));
}

/* --- media --- */

/* How many records refer to it; empty: there is no count any more. */
static inline struct slice hand_blob_count(struct task *task, struct state *state,
                                           unsigned partition, struct slice sha256)
{
    return hand_call(task, state->durable, SLICE("GET"), blob_key(task->arena, partition, sha256))
        .text;
}

static inline void hand_set_field(struct task *task, struct state *state, struct slice key,
                                  struct slice field, struct slice value)
{
    hand_call(task, state->durable, SLICE("HSET"), key, field, value);
}

/* How many media the owner has. */
static inline uint64_t hand_count_owned(struct task *task, struct state *state, unsigned partition,
                                        struct slice owner)
{
    return (uint64_t)hand_call(task, state->durable, SLICE("ZCARD"),
                               state_key(task->arena, partition, "media_of:%.*s", SLICE_ARG(owner)))
        .number;
}

/* n pictures called "Nr 1" and so on, of so many bytes, made at that millisecond, but for those
 * from 400 to 1199, which are of one; faster than by commits. */
static inline void hand_make_media(struct task *task, struct state *state, struct slice owner,
                                   unsigned n)
{
    hand_call(task, state->durable, SLICE("EVAL"),
              SLICE("for i = 1, ARGV[2] do local id = 'media_' .. i "
                    "local at = (i >= 400 and i < 1200) and 400 or i "
                    "redis.call('ZADD', '{p0}:media_of:' .. ARGV[1], at, id) "
                    "redis.call('ZADD', '{p0}:media_all', at, id) "
                    "redis.call('HSET', '{p0}:media:' .. id, 'owner', ARGV[1], 'type', "
                    "'image', 'status', 'ready', 'title', 'Nr ' .. i, 'size', i, "
                    "'created', at) end return 1"),
              SLICE("1"), state_key(task->arena, 0, "x"), owner, hand_number(task, n));
}

/* --- accounts and what they own --- */

static inline struct slice hand_usage_key(struct task *task, unsigned partition, struct slice owner)
{
    return state_key(task->arena, partition, "usage:%.*s", SLICE_ARG(owner));
}

static inline void hand_forget_usage(struct task *task, struct state *state, unsigned partition,
                                     struct slice owner)
{
    hand_call(task, state->durable, SLICE("DEL"), hand_usage_key(task, partition, owner));
}

static inline void hand_count_wrong(struct task *task, struct state *state, unsigned partition,
                                    struct slice owner, uint64_t bytes, uint64_t items)
{
    hand_call(task, state->durable, SLICE("HSET"), hand_usage_key(task, partition, owner),
              SLICE("bytes"), hand_number(task, bytes), SLICE("items"), hand_number(task, items));
}

static inline void hand_put_claim(struct task *task, struct state *state, unsigned partition,
                                  struct slice owner, struct slice claim, struct slice value)
{
    hand_set_field(task, state, state_key(task->arena, partition, "claims:%.*s", SLICE_ARG(owner)),
                   claim, value);
}

/* Somebody has begun to take the name, then. */
static inline void hand_take_name(struct task *task, struct state *state, struct slice name,
                                  struct slice user_id, uint64_t unix_ms)
{
    hand_call(
        task, state->durable, SLICE("SET"), arena_printf(task->arena, "name:%.*s", SLICE_ARG(name)),
        arena_printf(task->arena, "%.*s %llu", SLICE_ARG(user_id), (unsigned long long)unix_ms));
}

/* Families and refresh tokens are as those from before there were revs. */
static inline void hand_age_refresh_tokens(struct task *task, struct state *state)
{
    struct redis_value keys = hand_call(task, state->durable, SLICE("KEYS"), SLICE("*"));

    for (size_t i = 0; i < keys.n; i++) {
        struct slice key = keys.items[i].text;

        if (!slice_starts_with(key, SLICE("{p0}:family:")) &&
            !slice_starts_with(key, SLICE("{p0}:refresh:")))
            continue;
        hand_call(task, state->durable, SLICE("HDEL"), key, SLICE("rev"));
        hand_set_field(task, state, key, SLICE("turn"), SLICE("1"));
    }
}

static inline struct slice hand_granted_key(struct task *task, struct slice user_id)
{
    return state_key(task->arena, 0, "granted_to:%.*s", SLICE_ARG(user_id));
}

static inline uint64_t hand_count_granted(struct task *task, struct state *state,
                                          struct slice user_id)
{
    return (uint64_t)hand_call(task, state->durable, SLICE("ZCARD"),
                               hand_granted_key(task, user_id))
        .number;
}

/* The index of what was granted to somebody has n more entries of that time, without records. */
static inline void hand_grant_nothing(struct task *task, struct state *state, struct slice user_id,
                                      unsigned n, uint64_t unix_ms)
{
    hand_call(task, state->durable, SLICE("EVAL"),
              SLICE("for i = 1, ARGV[1] do redis.call('ZADD', KEYS[1], ARGV[2], i) end return 1"),
              SLICE("1"), hand_granted_key(task, user_id), hand_number(task, n),
              hand_number(task, unix_ms));
}
