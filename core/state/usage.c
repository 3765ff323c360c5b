#include "state/usage.h"

#include "base/clock.h"
#include "state/id.h"
#include "state/record.h"

#include <inttypes.h>

enum {
    /* So many uploads of this size at once are more than there can be: room for them is ample. */
    AMPLE = 1024,
    CLAIM_LIFE_MS = 3600 * 1000, /* a large file takes its time to reach the disk */
    CLAIM_TRIES = 3,
    FIRST_CHECK = 0, /* of usage_add() */
};

static const struct slice claim_prefix = SLICE_INIT("claim_");

static enum err partition_of(const struct state *state, struct slice owner, unsigned *partition)
{
    return id_parse(owner, SLICE("user_"), state->partitions, partition) ? OK : ERR_NOT_FOUND;
}

static struct slice usage_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "usage:%.*s", SLICE_ARG(owner));
}

static struct slice claims_key(struct arena *arena, unsigned partition, struct slice owner)
{
    return state_key(arena, partition, "claims:%.*s", SLICE_ARG(owner));
}

/* -- Counting --------------------------------------------------------------------------------- */

static uint64_t number_at(const struct redis_value *list, size_t at)
{
    uint64_t number = 0;

    if (at < list->n)
        slice_to_u64(list->items[at].text, &number);
    return number;
}

enum err usage_recount(struct task *task, struct state *state, struct slice owner, bool repair,
                       struct usage_count *out)
{
    struct redis_value reply;
    unsigned partition;
    enum err err = partition_of(state, owner, &partition);

    *out = (struct usage_count){0};
    if (err == OK)
        err = state_fcall(task, state, SLICE("usage_count"),
                          state_key(task->arena, partition, "head"),
                          REDIS_ARGV(owner, repair ? SLICE("1") : SLICE("0")), 2, &reply);
    if (err != OK)
        return err;
    if (reply.type != REDIS_LIST || reply.n != 4)
        return ERR_INTERNAL;
    out->known = reply.items[0].text.n > 0;
    out->recorded = (struct usage){number_at(&reply, 0), number_at(&reply, 1)};
    out->counted = (struct usage){number_at(&reply, 2), number_at(&reply, 3)};
    return OK;
}

enum err usage_load(struct task *task, struct state *state, struct slice owner, struct usage *out)
{
    struct redis_value reply;
    struct usage_count count;
    unsigned partition;
    enum err err = partition_of(state, owner, &partition);

    if (err == OK)
        err =
            state_command(task, state->durable, &reply, SLICE("HMGET"),
                          usage_key(task->arena, partition, owner), SLICE("bytes"), SLICE("items"));
    if (err != OK)
        return err;
    if (reply.n == 2 && reply.items[0].text.n) {
        *out = (struct usage){number_at(&reply, 0), number_at(&reply, 1)};
        return OK;
    }
    err = usage_recount(task, state, owner, true, &count);
    *out = count.counted;
    return err;
}

/* -- Parts of a commit ------------------------------------------------------------------------ */

static void tally(struct commit *commit, struct slice owner, bool more, uint64_t bytes)
{
    struct arena *arena = commit_arena(commit);
    const char *sign = more ? "" : "-";

    commit_write(commit, SLICE("TALLY"), usage_key(arena, commit_partition(commit), owner),
                 SLICE("bytes"), arena_printf(arena, "%s%" PRIu64, bytes ? sign : "", bytes),
                 SLICE("items"), arena_printf(arena, "%s1", sign));
}

static void require_room(struct commit *commit, struct slice owner, uint64_t bytes,
                         const struct usage *most)
{
    struct slice key = usage_key(commit_arena(commit), commit_partition(commit), owner);

    commit_require_present(commit, key);
    if (most->bytes)
        commit_require_room(commit, key, SLICE("bytes"), bytes, most->bytes);
    if (most->items)
        commit_require_room(commit, key, SLICE("items"), 1, most->items);
}

static void spend(struct commit *commit, struct slice owner, const struct usage_bound *bound)
{
    struct slice key = claims_key(commit_arena(commit), commit_partition(commit), owner);

    commit_require_field(commit, key, bound->claim, bound->claim_value);
    commit_write(commit, SLICE("HDEL"), key, bound->claim);
}

void usage_add(struct commit *commit, struct slice owner, uint64_t bytes,
               const struct usage_bound *bound)
{
    static const struct usage_bound none = {.most = {0}};

    if (bound && bound->claim.n) {
        spend(commit, owner, bound);
        return;
    }
    require_room(commit, owner, bytes, bound ? &bound->most : &none.most);
    tally(commit, owner, true, bytes);
}

void usage_remove(struct commit *commit, struct slice owner, uint64_t bytes)
{
    tally(commit, owner, false, bytes);
}

bool usage_is_unknown(const struct commit *commit)
{
    return commit_failed_check(commit) == FIRST_CHECK;
}

/* -- Claims ----------------------------------------------------------------------------------- */

static enum err give_back(struct task *task, struct state *state, unsigned partition,
                          struct slice owner, const struct usage_bound *bound)
{
    struct commit *commit = commit_new(task, state, partition);
    struct slice bytes, since;
    uint64_t number = 0;

    commit_allow_full(commit);
    slice_split(bound->claim_value, ' ', &bytes, &since);
    slice_to_u64(bytes, &number);
    spend(commit, owner, bound);
    tally(commit, owner, false, number);
    return commit_send(commit);
}

void usage_give_back(struct task *task, struct state *state, struct slice owner,
                     const struct usage_bound *bound)
{
    unsigned partition;

    if (bound->claim.n && partition_of(state, owner, &partition) == OK)
        give_back(task, state, partition, owner, bound);
}

/* Those of processes that died. *any: some room was made. */
static enum err give_back_stale(struct task *task, struct state *state, unsigned partition,
                                struct slice owner, bool *any)
{
    uint64_t now_ms = clock_unix_ms(), since_ms;
    struct redis_value claims;
    enum err err = state_command(task, state->durable, &claims, SLICE("HGETALL"),
                                 claims_key(task->arena, partition, owner));

    *any = false;
    for (size_t i = 0; err == OK && i + 1 < claims.n; i += 2) {
        const struct usage_bound stale = {.claim = claims.items[i].text,
                                          .claim_value = claims.items[i + 1].text};
        struct slice bytes, since;

        slice_split(stale.claim_value, ' ', &bytes, &since);
        if (slice_to_u64(since, &since_ms) && since_ms + CLAIM_LIFE_MS > now_ms)
            continue;
        err = give_back(task, state, partition, owner, &stale);
        *any = *any || err == OK;
        if (err == ERR_CONFLICT) /* somebody was faster */
            err = OK;
    }
    return err;
}

static enum err claim(struct task *task, struct state *state, unsigned partition,
                      struct slice owner, uint64_t bytes, struct usage_bound *bound)
{
    struct commit *commit = commit_new(task, state, partition);

    bound->claim = id_new(task->arena, claim_prefix, partition);
    bound->claim_value = arena_printf(task->arena, "%" PRIu64 " %" PRIu64, bytes, clock_unix_ms());
    require_room(commit, owner, bytes, &bound->most);
    tally(commit, owner, true, bytes);
    commit_write(commit, SLICE("HSET"), claims_key(task->arena, partition, owner), bound->claim,
                 bound->claim_value);
    enum err err = commit_send(commit);
    if (err != OK)
        bound->claim = SLICE_NONE;
    return err;
}

static bool is_ample(uint64_t used, uint64_t more, uint64_t most)
{
    return most == 0 || (used < most && (most - used) / AMPLE >= more);
}

enum err usage_claim(struct task *task, struct state *state, struct slice owner, uint64_t bytes,
                     struct usage_bound *bound)
{
    struct usage used;
    unsigned partition;
    bool again = true;
    enum err err = partition_of(state, owner, &partition);

    bound->claim = SLICE_NONE;
    if (err == OK)
        err = usage_load(task, state, owner, &used);
    if (err != OK || (is_ample(used.bytes, bytes, bound->most.bytes) &&
                      is_ample(used.items, 1, bound->most.items)))
        return err;
    for (unsigned i = 0; i < CLAIM_TRIES && again; i++) {
        err = claim(task, state, partition, owner, bytes, bound);
        again = false;
        if (err == ERR_QUOTA && i == 0 &&
            give_back_stale(task, state, partition, owner, &again) != OK)
            return err;
    }
    return err == ERR_CONFLICT ? ERR_STATE_UNAVAILABLE : err; /* nobody uncounts an account */
}
