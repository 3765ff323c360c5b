#include "state/stream.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

enum { STREAM_MAGIC = 0x73747265, AWAY_MS = 10, FAULT_MS = 100, HASH_HEX = 16 };

struct part {
    struct head head;   /* last read */
    char canary_id[48]; /* last read of the canary's stream */
    bool broken;        /* an entry did not follow; the head is to be read anew */
};

struct stream {
    uint32_t magic;
    struct state *state;
    struct stream_handlers handlers;
    struct part *parts;
    unsigned n;
    bool opened; /* the heads are known */
    bool reading;
    bool closed;
    uint64_t compared_ms;
    uint64_t durable_generation, streams_generation; /* at the last comparison */
};

/* -- Heads and the chain ---------------------------------------------------------------------- */

static bool head_from(const struct redis_value *list, struct head *out)
{
    if (list->type != REDIS_LIST || list->n != 3 || list->items[2].text.n != HASH_HEX ||
        !slice_to_u64(list->items[0].text, &out->epoch) ||
        !slice_to_u64(list->items[1].text, &out->offset))
        return false;
    memcpy(out->hash, list->items[2].text.p, HASH_HEX);
    out->hash[HASH_HEX] = '\0';
    return true;
}

struct redis_call *stream_send_head(struct state *state, struct arena *arena, unsigned partition)
{
    return redis_send(state->durable,
                      REDIS_ARGV(SLICE("HMGET"), state_key(arena, partition, "head"),
                                 SLICE("epoch"), SLICE("offset"), SLICE("hash")),
                      5);
}

/* The head as it is now, made when there is none. */
static enum err open_head(struct task *task, struct state *state, unsigned partition,
                          struct head *out)
{
    struct redis_value reply;
    enum err err = state_fcall(task, state, SLICE("head_open"),
                               state_key(task->arena, partition, "head"), NULL, 0, &reply);

    if (err == OK && !head_from(&reply, out))
        err = ERR_INTERNAL;
    return err;
}

static void chain_next(const char hash[HASH_HEX + 1], struct slice id, char out[HASH_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA_DIGEST_LENGTH], text[256];

    memcpy(text, hash, HASH_HEX);
    memcpy(text + HASH_HEX, id.p, id.n);
    SHA1(text, HASH_HEX + id.n, digest);
    for (unsigned i = 0; i < HASH_HEX / 2; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[HASH_HEX] = '\0';
}

/* -- Entries ---------------------------------------------------------------------------------- */

/* "<offset>-0" and a list of fields. False: not an entry of ours. */
static bool entry_parse(const struct redis_value *entry, unsigned partition, struct event *out,
                        bool *known)
{
    struct slice offset, rest, hash;
    const struct redis_value *fields;

    if (entry->type != REDIS_LIST || entry->n != 2)
        return false;
    fields = &entry->items[1];
    *out = (struct event){
        .id = redis_field(fields, SLICE("id")),
        .owner = redis_field(fields, SLICE("owner")),
        .resource = redis_field(fields, SLICE("resource")),
        .resource_type = redis_field(fields, SLICE("rtype")),
        .changes = redis_field(fields, SLICE("changes")),
        .body = redis_field(fields, SLICE("body")),
        .partition = partition,
    };
    hash = redis_field(fields, SLICE("hash"));
    *known = event_type_parse(redis_field(fields, SLICE("type")), &out->type);
    if (!slice_split(entry->items[0].text, '-', &offset, &rest) ||
        !slice_to_u64(offset, &out->offset) ||
        !slice_to_u64(redis_field(fields, SLICE("ts")), &out->timestamp_ms) || hash.n != HASH_HEX ||
        !out->id.n || out->id.n > 128)
        return false;
    memcpy(out->hash, hash.p, HASH_HEX);
    return true;
}

/* Does the event come right after the head? Then the head moves on to it. */
static bool follows(struct head *head, const struct event *event)
{
    char expected[HASH_HEX + 1];

    if (event->offset != head->offset + 1)
        return false;
    chain_next(head->hash, event->id, expected);
    if (memcmp(expected, event->hash, HASH_HEX) != 0)
        return false;
    head->offset = event->offset;
    memcpy(head->hash, event->hash, sizeof head->hash);
    return true;
}

static void take_entries(struct stream *stream, unsigned partition,
                         const struct redis_value *entries)
{
    struct part *part = &stream->parts[partition];

    for (size_t i = 0; i < entries->n && !stream->closed; i++) {
        struct event event;
        bool known;

        if (!entry_parse(&entries->items[i], partition, &event, &known) ||
            !follows(&part->head, &event)) {
            part->broken = true;
            return;
        }
        /* A type that a newer version writes: part of the chain, and nothing for us. */
        FAULT_POINT(EVENT_BEFORE_READ);
        if (known)
            stream->handlers.on_event(stream->handlers.arg, &event);
        FAULT_POINT(EVENT_AFTER_READ);
    }
}

static void take_canaries(struct stream *stream, unsigned partition,
                          const struct redis_value *entries)
{
    struct part *part = &stream->parts[partition];

    for (size_t i = 0; i < entries->n; i++) {
        const struct redis_value *entry = &entries->items[i];
        uint64_t written_ms;

        if (entry->n != 2 || entry->items[0].text.n >= sizeof part->canary_id)
            continue;
        memcpy(part->canary_id, entry->items[0].text.p, entry->items[0].text.n);
        part->canary_id[entry->items[0].text.n] = '\0';
        if (slice_to_u64(redis_field(&entry->items[1], SLICE("ms")), &written_ms) &&
            stream->handlers.on_canary && !stream->closed)
            stream->handlers.on_canary(stream->handlers.arg, written_ms);
    }
}

/* -- The reader ------------------------------------------------------------------------------- */

static void fork_at(struct stream *stream, unsigned partition, const struct head *head)
{
    struct part *part = &stream->parts[partition];

    log_event(LOG_WARN, "history_forked", F("partition", partition),
              F("epoch", (long long)part->head.epoch), F("offset", (long long)part->head.offset),
              F("new_epoch", (long long)head->epoch), F("new_offset", (long long)head->offset));
    part->head = *head;
    part->broken = false;
    stream->handlers.on_fork(stream->handlers.arg, partition, head);
}

bool stream_may_continue(const struct head *read, const struct head *now)
{
    if (read->epoch != now->epoch || read->offset > now->offset)
        return false;
    return read->offset < now->offset || strcmp(read->hash, now->hash) == 0;
}

enum err stream_heads(struct task *task, struct state *state, struct head *out)
{
    enum err err = OK;

    for (unsigned i = 0; i < state->partitions && err == OK; i++)
        err = open_head(task, state, i, &out[i]);
    return err;
}

enum err stream_take_head(struct task *task, struct redis_call *call, struct head *out)
{
    struct redis_value reply;
    enum err err = redis_await(task, call, &reply);

    if (err == OK)
        err = state_fault(&reply);
    return err != OK ? err : head_from(&reply, out) ? OK : ERR_NOT_FOUND;
}

static enum err open_heads(struct task *task, struct stream *stream)
{
    struct head *heads = ARENA_ARRAY(task->arena, struct head, stream->n);
    enum err err = stream_heads(task, stream->state, heads);

    for (unsigned i = 0; i < stream->n && err == OK; i++)
        stream->parts[i].head = heads[i];
    stream->opened = err == OK;
    return err;
}

static enum err compare_one(struct task *task, struct stream *stream, unsigned partition,
                            const struct redis_value *reply)
{
    struct part *part = &stream->parts[partition];
    struct head now;

    if (!part->broken && head_from(reply, &now) && stream_may_continue(&part->head, &now))
        return OK;
    enum err err = open_head(task, stream->state, partition, &now);
    if (err == OK && !stream->closed && (part->broken || !stream_may_continue(&part->head, &now)))
        fork_at(stream, partition, &now);
    return err;
}

/* The canary does not outlive its server, whose successor's clock may stand elsewhere. */
static void forget_canaries(struct stream *stream)
{
    for (unsigned i = 0; i < stream->n; i++)
        memcpy(stream->parts[i].canary_id, "0-0", sizeof "0-0");
}

static enum err compare_heads(struct task *task, struct stream *stream)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, stream->n);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, stream->n);
    uint64_t durable = redis_connects(stream->state->durable);
    uint64_t streams = redis_connects(stream->state->streams);

    for (unsigned i = 0; i < stream->n; i++)
        calls[i] = stream_send_head(stream->state, task->arena, i);
    enum err err = redis_await_all(task, calls, stream->n, replies);
    for (unsigned i = 0; i < stream->n && err == OK && !stream->closed; i++)
        err = compare_one(task, stream, i, &replies[i]);
    if (err == OK) {
        if (streams != stream->streams_generation)
            forget_canaries(stream);
        stream->compared_ms = clock_ms();
        stream->durable_generation = durable;
        stream->streams_generation = streams;
    }
    return err;
}

static bool must_compare(const struct stream *stream)
{
    for (unsigned i = 0; i < stream->n; i++)
        if (stream->parts[i].broken)
            return true;
    return clock_ms() >= stream->compared_ms + STREAM_COMPARE_MS ||
           stream->durable_generation != redis_connects(stream->state->durable) ||
           stream->streams_generation != redis_connects(stream->state->streams);
}

/* XREAD COUNT c BLOCK ms STREAMS <events and canaries of all partitions> <their last ids> */
static enum err send_read(struct task *task, struct stream *stream, struct redis_value *out)
{
    enum { BEFORE = 6 };
    struct arena *arena = task->arena;
    size_t argc = BEFORE + 4 * (size_t)stream->n;
    struct slice *argv = ARENA_ARRAY(arena, struct slice, argc);
    struct slice *keys = argv + BEFORE, *ids = keys + 2 * stream->n;

    argv[0] = SLICE("XREAD");
    argv[1] = SLICE("COUNT");
    argv[2] = arena_printf(arena, "%d", STREAM_READ_MAX);
    argv[3] = SLICE("BLOCK");
    argv[4] = arena_printf(arena, "%d", STREAM_BLOCK_MS);
    argv[5] = SLICE("STREAMS");
    for (unsigned i = 0; i < stream->n; i++) {
        keys[2 * i] = state_key(arena, i, "events");
        ids[2 * i] =
            arena_printf(arena, "%llu-0", (unsigned long long)stream->parts[i].head.offset);
        keys[2 * i + 1] = state_key(arena, i, "canary");
        ids[2 * i + 1] = slice_from(stream->parts[i].canary_id);
    }
    return redis_call_blocking(task, stream->state->streams, out, STREAM_BLOCK_MS, argv, argc);
}

static void take_streams(struct task *task, struct stream *stream, const struct redis_value *reply)
{
    for (size_t i = 0; i < reply->n && !stream->closed; i++) {
        const struct redis_value *pair = &reply->items[i];

        if (pair->n != 2)
            continue;
        for (unsigned p = 0; p < stream->n; p++) {
            if (slice_eq(pair->items[0].text, state_key(task->arena, p, "events")))
                take_entries(stream, p, &pair->items[1]);
            else if (slice_eq(pair->items[0].text, state_key(task->arena, p, "canary")))
                take_canaries(stream, p, &pair->items[1]);
        }
    }
}

static enum err read_once(struct task *task, struct stream *stream)
{
    struct redis_value reply;
    enum err err = OK;

    if (!stream->opened)
        return open_heads(task, stream);
    if (must_compare(stream))
        err = compare_heads(task, stream);
    if (err != OK || stream->closed)
        return err;
    stream->reading = true;
    err = send_read(task, stream, &reply);
    if (err == OK)
        err = state_fault(&reply);
    if (err == OK)
        take_streams(task, stream, &reply);
    if (err == OK && stream->handlers.on_read && !stream->closed)
        stream->handlers.on_read(task, stream->handlers.arg);
    return err;
}

static void run(struct task *task, void *arg)
{
    struct stream *stream = CAST_OBJ(struct stream, arg, STREAM_MAGIC);

    while (!stream->closed) {
        enum err err = ERR_STATE_UNAVAILABLE;

        if (state_ready(stream->state) && redis_ready(stream->state->streams))
            err = read_once(task, stream);
        if (err != OK)
            stream->reading = false;
        if (err != OK && !stream->closed)
            fiber_sleep(err == ERR_STATE_UNAVAILABLE ? AWAY_MS : FAULT_MS);
        arena_reset(task->arena);
    }
    stream->magic = 0;
    mem_free(stream->parts);
    mem_free(stream);
}

/* -- Public ----------------------------------------------------------------------------------- */

struct stream *stream_open(struct state *state, const struct position *from,
                           const struct stream_handlers *handlers)
{
    struct stream *stream = MEM_NEW(struct stream);

    assert(state->partitions && handlers->on_event && handlers->on_fork);
    assert(!from || from->partitions == state->partitions);
    *stream = (struct stream){.magic = STREAM_MAGIC,
                              .state = state,
                              .handlers = *handlers,
                              .n = state->partitions,
                              .opened = from != NULL};
    stream->parts = mem_alloc(stream->n * sizeof *stream->parts);
    for (unsigned i = 0; i < stream->n; i++) {
        memcpy(stream->parts[i].canary_id, "0-0", sizeof "0-0");
        if (from)
            stream->parts[i].head = from->heads[i];
    }
    if (task_spawn(run, stream))
        return stream;
    mem_free(stream->parts);
    mem_free(stream);
    return NULL;
}

void stream_close(struct stream *stream)
{
    assert(!stream->closed);
    stream->closed = true;
}

const struct head *stream_head(const struct stream *stream, unsigned partition)
{
    assert(partition < stream->n);
    return &stream->parts[partition].head;
}

bool stream_started(const struct stream *stream)
{
    return stream->reading;
}

void stream_canary_write(struct state *state)
{
    struct arena *arena = arena_new();

    for (unsigned i = 0; i < state->partitions; i++)
        redis_post(state->durable, SLICE("FCALL"), SLICE("canary"), SLICE("1"),
                   state_key(arena, i, "head"),
                   arena_printf(arena, "%llu", (unsigned long long)clock_unix_ms()));
    arena_free(arena);
}

static enum err read_events(struct task *task, const struct redis_value *entries,
                            unsigned partition, struct head *at, struct event **events, size_t *n)
{
    struct event *list = ARENA_ARRAY(task->arena, struct event, entries->n);

    for (size_t i = 0; i < entries->n; i++) {
        struct event event;
        bool known;

        if (!entry_parse(&entries->items[i], partition, &event, &known))
            return ERR_CONFLICT;
        if (i == 0 && event.offset > at->offset + 1)
            return ERR_NOT_FOUND;
        if (!follows(at, &event))
            return ERR_CONFLICT;
        if (known)
            list[(*n)++] = event;
    }
    *events = list;
    return OK;
}

enum err stream_read(struct task *task, struct state *state, unsigned partition,
                     const struct head *after, size_t limit, struct event **events, size_t *n)
{
    struct arena *arena = task->arena;
    struct redis_call *calls[2];
    struct redis_value replies[2];
    struct head now, at = *after;

    assert(limit > 0 && limit <= STREAM_READ_MAX);
    *n = 0;
    calls[0] = stream_send_head(state, arena, partition);
    calls[1] =
        redis_send(state->durable,
                   REDIS_ARGV(SLICE("XRANGE"), state_key(arena, partition, "events"),
                              arena_printf(arena, "(%llu-0", (unsigned long long)after->offset),
                              SLICE("+"), SLICE("COUNT"), arena_printf(arena, "%zu", limit)),
                   6);
    enum err err = redis_await_all(task, calls, 2, replies);
    if (err == OK)
        err = state_fault(&replies[1]);
    if (err != OK)
        return err;
    if (!head_from(&replies[0], &now) || !stream_may_continue(after, &now))
        return ERR_CONFLICT;
    if (!replies[1].n && now.offset > after->offset)
        return ERR_NOT_FOUND;
    return read_events(task, &replies[1], partition, &at, events, n);
}
