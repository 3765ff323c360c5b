#include "state/blob.h"

#include "base/crypto.h"

#include <assert.h>

enum { US_PER_MS = 1000 };

struct slice blob_key(struct arena *arena, unsigned partition, struct slice sha256_hex)
{
    return state_key(arena, partition, "blob:%.*s", SLICE_ARG(sha256_hex));
}

static struct redis_call *ask(struct task *task, struct state *state, unsigned partition,
                              const struct slice *hashes, size_t n)
{
    struct slice *argv = ARENA_ARRAY(task->arena, struct slice, n + 1);

    argv[0] = SLICE("MGET");
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = blob_key(task->arena, partition, hashes[i]);
    return redis_send(state->durable, argv, n + 1);
}

/* One answer of n numbers for each partition. */
static enum err ask_all(struct task *task, struct state *state, const struct slice *hashes,
                        size_t n, struct redis_value *replies)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, state->partitions);

    assert(n <= BLOBS_MAX);
    for (unsigned p = 0; p < state->partitions; p++)
        calls[p] = ask(task, state, p, hashes, n);
    enum err err = redis_await_all(task, calls, state->partitions, replies);
    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        err = state_fault(&replies[p]);
        if (err == OK && replies[p].n != n)
            err = ERR_INTERNAL;
    }
    return err;
}

enum err blob_referenced(struct task *task, struct state *state, const struct slice *hashes,
                         size_t n, bool *out)
{
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, state->partitions);

    for (size_t i = 0; i < n; i++)
        out[i] = false;
    if (n == 0)
        return OK;
    enum err err = ask_all(task, state, hashes, n, replies);
    for (unsigned p = 0; p < state->partitions && err == OK; p++)
        for (size_t i = 0; i < n; i++)
            out[i] = out[i] || replies[p].items[i].type != REDIS_NIL;
    return err;
}

enum err blob_count(struct task *task, struct state *state, struct slice sha256_hex,
                    uint64_t *count)
{
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, state->partitions);
    enum err err = ask_all(task, state, &sha256_hex, 1, replies);
    uint64_t number;

    *count = 0;
    for (unsigned p = 0; p < state->partitions && err == OK; p++)
        if (slice_to_u64(replies[p].items[0].text, &number))
            *count += number;
    return err;
}

enum err blob_known_since(struct task *task, struct state *state, uint64_t *unix_ms)
{
    *unix_ms = 0;
    for (unsigned p = 0; p < state->partitions; p++) {
        struct redis_value reply;
        uint64_t epoch_us;
        enum err err = state_command(task, state->durable, &reply, SLICE("HGET"),
                                     state_key(task->arena, p, "head"), SLICE("epoch"));

        if (err != OK)
            return err;
        if (!slice_to_u64(reply.text, &epoch_us))
            return ERR_NOT_FOUND;
        if (epoch_us / US_PER_MS > *unix_ms)
            *unix_ms = epoch_us / US_PER_MS;
    }
    return OK;
}

enum err blob_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                   struct slice **hashes, size_t *n)
{
    struct arena *arena = task->arena;
    struct slice start = blob_key(arena, partition, SLICE(""));
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("SCAN"),
                                 arena_printf(arena, "%llu", (unsigned long long)*cursor),
                                 SLICE("MATCH"), arena_printf(arena, "%.*s*", SLICE_ARG(start)),
                                 SLICE("COUNT"), arena_printf(arena, "%d", BLOBS_MAX));

    *n = 0;
    if (err != OK)
        return err;
    if (reply.n != 2 || !slice_to_u64(reply.items[0].text, cursor))
        return ERR_INTERNAL;
    const struct redis_value *keys = &reply.items[1];
    *hashes = ARENA_ARRAY(arena, struct slice, keys->n + 1);
    for (size_t i = 0; i < keys->n; i++) {
        struct slice hash = slice_from_offset(keys->items[i].text, start.n);

        if (hash.n == SHA256_HEX)
            (*hashes)[(*n)++] = hash;
    }
    return OK;
}
