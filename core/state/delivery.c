#include "state/delivery.h"

#include "state/endpoint.h"
#include "state/id.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { LIST_MAX = 100 };

static const struct slice outcome_names[] = {
    [OUTCOME_DELIVERED] = SLICE_INIT("delivered"),
    [OUTCOME_DEAD] = SLICE_INIT("dead"),
    [OUTCOME_RETRY] = SLICE_INIT("retry"),
    [OUTCOME_RELEASE] = SLICE_INIT("release"),
};

/* -- Arguments and replies of the functions -------------------------------------------------- */

struct args {
    struct arena *arena;
    struct slice *v;
    size_t n, max;
};

static struct args args_new(struct task *task, size_t max)
{
    return (struct args){task->arena, ARENA_ARRAY(task->arena, struct slice, max ? max : 1), 0,
                         max};
}

static void add(struct args *args, struct slice value)
{
    assert(args->n < args->max);
    args->v[args->n++] = value;
}

static void add_number(struct args *args, uint64_t value)
{
    add(args, record_number(args->arena, value));
}

static enum err call(struct task *task, struct state *state, unsigned partition,
                     struct slice function, const struct args *args, struct redis_value *reply)
{
    struct slice key = state_key(task->arena, partition, "accepted");
    enum err err = state_fcall(task, state, function, key, args->v, args->n, reply);

    if (err == OK && reply->type != REDIS_LIST)
        return ERR_INTERNAL;
    return err;
}

static uint64_t number_of(struct slice text)
{
    uint64_t value = 0;

    return slice_to_u64(text, &value) ? value : 0;
}

/* epoch, offset, hash */
static bool parse_head(const struct redis_value *items, struct head *out)
{
    *out = (struct head){0};
    if (!slice_to_u64(items[0].text, &out->epoch) || !slice_to_u64(items[1].text, &out->offset) ||
        items[2].text.n >= sizeof out->hash)
        return false;
    if (items[2].text.n)
        memcpy(out->hash, items[2].text.p, items[2].text.n);
    return true;
}

static bool says(const struct redis_value *reply, struct slice word)
{
    return reply->n > 0 && slice_eq(reply->items[0].text, word);
}

static void add_bounds(struct args *args, uint64_t now_ms, const struct delivery_bounds *bounds)
{
    add_number(args, now_ms);
    add_number(args, bounds->retention_s);
    add_number(args, bounds->pending_max);
}

/* {"ok", ...} or {"moved", epoch, offset, hash} */
static enum err ok_or_moved(const struct redis_value *reply, struct head *from_now)
{
    if (says(reply, SLICE("ok")))
        return OK;
    if (reply->n != 4 || !says(reply, SLICE("moved")))
        return ERR_INTERNAL;
    if (!parse_head(reply->items + 1, from_now))
        *from_now = (struct head){0};
    return ERR_CONFLICT;
}

/* -- The cursor and acceptance --------------------------------------------------------------- */

enum err delivery_cursor_open(struct task *task, struct state *state, unsigned partition,
                              const struct head *lost, struct head *out)
{
    struct args args = args_new(task, 2);
    struct redis_value reply;

    if (lost) {
        add_number(&args, lost->epoch);
        add_number(&args, lost->offset);
    }
    enum err err = call(task, state, partition, SLICE("webhook_cursor_open"), &args, &reply);
    if (err != OK)
        return err;
    if (reply.n == 0)
        return ERR_NOT_FOUND;
    return reply.n == 3 && parse_head(reply.items, out) ? OK : ERR_INTERNAL;
}

struct delivery_bounds delivery_bounds_from(const struct config *config)
{
    return (struct delivery_bounds){
        .retention_s = config_number(config, "webhooks.retention"),
        .pending_max = config_number(config, "webhooks.pending_max"),
    };
}

enum err delivery_accept(struct task *task, struct state *state, unsigned partition,
                         const struct head *from, const struct head *to,
                         const struct acceptance *items, size_t n, uint64_t now_ms,
                         const struct delivery_bounds *bounds, struct slice **full, size_t *full_n,
                         struct head *from_now)
{
    struct redis_value reply;
    size_t max = 7;

    assert(from->epoch == to->epoch && to->offset == from->offset + n);
    for (size_t i = 0; i < n; i++)
        max += 5 + items[i].n;
    struct args args = args_new(task, max);
    add_number(&args, from->epoch);
    add_number(&args, from->offset);
    add_number(&args, to->offset);
    add(&args, slice_from(to->hash));
    add_bounds(&args, now_ms, bounds);
    for (size_t i = 0; i < n; i++) {
        add(&args, items[i].event_id);
        add(&args, items[i].type);
        add(&args, items[i].body);
        add(&args, items[i].owner);
        add_number(&args, items[i].n);
        for (size_t k = 0; k < items[i].n; k++)
            add(&args, items[i].endpoints[k]);
    }
    enum err err = call(task, state, partition, SLICE("webhook_accept"), &args, &reply);
    if (err == OK)
        err = ok_or_moved(&reply, from_now);
    *full_n = 0;
    *full = ARENA_ARRAY(task->arena, struct slice, reply.n + 1);
    for (size_t i = 1; err == OK && i < reply.n; i++)
        (*full)[(*full_n)++] = reply.items[i].text;
    return err;
}

enum err delivery_full_told(struct task *task, struct state *state, unsigned partition,
                            struct slice endpoint)
{
    struct args args = args_new(task, 1);
    struct redis_value reply;

    add(&args, endpoint);
    return call(task, state, partition, SLICE("webhook_full_told"), &args, &reply);
}

/* -- Claim, finish, tick --------------------------------------------------------------------- */

enum err delivery_claim(struct task *task, struct state *state, unsigned partition,
                        struct slice fence, const struct claim_want *wants, size_t n,
                        uint64_t now_ms, struct claimed **out, size_t *out_n)
{
    enum { FIELDS = 5 };
    struct args args = args_new(task, 2 + 2 * n);
    struct redis_value reply;

    add_number(&args, now_ms + DELIVERY_LEASE_MS);
    add(&args, fence);
    for (size_t i = 0; i < n; i++) {
        add(&args, wants[i].endpoint);
        add_number(&args, wants[i].wanted);
    }
    enum err err = call(task, state, partition, SLICE("webhook_claim"), &args, &reply);
    if (err != OK)
        return err;
    *out_n = reply.n / FIELDS;
    *out = ARENA_ARRAY(task->arena, struct claimed, *out_n + 1);
    for (size_t i = 0; i < *out_n; i++) {
        const struct redis_value *item = reply.items + i * FIELDS;

        (*out)[i] = (struct claimed){item[0].text, item[1].text, item[2].text, item[3].text,
                                     number_of(item[4].text)};
    }
    return OK;
}

/* "at status duration_ms error" */
static struct slice attempt_text(struct arena *arena, const struct delivery_attempt *attempt)
{
    return arena_printf(arena, "%" PRIu64 " %u %" PRIu64 " %.*s", attempt->at_ms, attempt->status,
                        attempt->duration_ms, SLICE_ARG(attempt->error));
}

static bool parse_attempt(struct slice text, struct delivery_attempt *out)
{
    struct slice at, status, duration, rest = text;

    if (!slice_split(rest, ' ', &at, &rest) || !slice_split(rest, ' ', &status, &rest) ||
        !slice_split(rest, ' ', &duration, &rest))
        return false;
    *out = (struct delivery_attempt){.at_ms = number_of(at),
                                     .status = (unsigned)number_of(status),
                                     .duration_ms = number_of(duration),
                                     .error = rest};
    return true;
}

enum err delivery_finish(struct task *task, struct state *state, unsigned partition,
                         const struct delivery_result *results, size_t n, uint64_t *stale)
{
    struct args args = args_new(task, 7 * n);
    struct redis_value reply;

    for (size_t i = 0; i < n; i++) {
        add(&args, results[i].endpoint);
        add(&args, results[i].event_id);
        add(&args, results[i].fence);
        add(&args, outcome_names[results[i].outcome]);
        add_number(&args, results[i].next_ms);
        add(&args, attempt_text(task->arena, &results[i].attempt));
        add_number(&args, results[i].held_ms);
    }
    enum err err = call(task, state, partition, SLICE("webhook_finish"), &args, &reply);
    if (err == OK)
        *stale = reply.n > 0 ? number_of(reply.items[0].text) : 0;
    return err;
}

enum err delivery_tick(struct task *task, struct state *state, unsigned partition, uint64_t now_ms,
                       uint64_t *next_ms, struct slice **ready, size_t *n)
{
    struct args args = args_new(task, 1);
    struct redis_value reply;

    add_number(&args, now_ms);
    enum err err = call(task, state, partition, SLICE("webhook_tick"), &args, &reply);
    if (err != OK)
        return err;
    if (reply.n == 0)
        return ERR_INTERNAL;
    *next_ms = number_of(reply.items[0].text);
    *n = reply.n - 1;
    *ready = ARENA_ARRAY(task->arena, struct slice, reply.n);
    for (size_t i = 0; i < *n; i++)
        (*ready)[i] = reply.items[i + 1].text;
    return OK;
}

/* -- Cancel, health, trim, retry ------------------------------------------------------------- */

enum err delivery_cancel(struct task *task, struct state *state, unsigned partition,
                         struct slice endpoint, bool purge)
{
    struct slice from = SLICE("0");
    enum err err = OK;

    while (err == OK && from.n > 0) {
        struct args args = args_new(task, 3);
        struct redis_value reply;

        add(&args, endpoint);
        add(&args, from);
        add(&args, purge ? SLICE("purge") : SLICE("cancel"));
        err = call(task, state, partition, SLICE("webhook_cancel"), &args, &reply);
        from = err == OK && reply.n > 0 ? reply.items[0].text : SLICE_NONE;
    }
    return err;
}

enum err delivery_release(struct task *task, struct state *state, unsigned partition,
                          struct slice endpoint)
{
    struct args args = args_new(task, 1);
    struct redis_value reply;

    add(&args, endpoint);
    return call(task, state, partition, SLICE("webhook_release"), &args, &reply);
}

enum err delivery_health(struct task *task, struct state *state, unsigned endpoint_partition,
                         struct slice endpoint, bool success, uint64_t now_ms,
                         uint64_t *failing_since_ms)
{
    struct args args = args_new(task, 2);
    struct redis_value reply;

    add(&args, success ? SLICE("ok") : SLICE("failed"));
    add_number(&args, now_ms);
    enum err err = state_fcall(task, state, SLICE("webhook_health"),
                               endpoint_health_key(task->arena, endpoint_partition, endpoint),
                               args.v, args.n, &reply);
    if (err == OK)
        *failing_since_ms = reply.n > 0 ? number_of(reply.items[0].text) : 0;
    return err;
}

enum err delivery_trim_events(struct task *task, struct state *state, unsigned partition,
                              uint64_t now_ms, uint64_t *removed)
{
    struct args args = args_new(task, 2);
    struct redis_value reply;

    add(&args, state_key(task->arena, partition, "events"));
    add_number(&args, now_ms);
    enum err err = call(task, state, partition, SLICE("webhook_trim"), &args, &reply);
    if (err == OK)
        *removed = reply.n > 0 ? number_of(reply.items[0].text) : 0;
    return err;
}

static enum err ok_none_or_full(const struct redis_value *reply)
{
    if (says(reply, SLICE("ok")))
        return OK;
    return says(reply, SLICE("full")) ? ERR_CONFLICT : ERR_NOT_FOUND;
}

enum err delivery_retry(struct task *task, struct state *state, struct slice endpoint,
                        struct slice event_id, struct slice owner, uint64_t now_ms,
                        const struct delivery_bounds *bounds)
{
    struct args args = args_new(task, 6);
    struct redis_value reply;
    unsigned partition;

    if (!id_parse(event_id, SLICE("evt_"), state->partitions, &partition))
        return ERR_NOT_FOUND;
    add(&args, endpoint);
    add(&args, event_id);
    add(&args, owner);
    add_bounds(&args, now_ms, bounds);
    enum err err = call(task, state, partition, SLICE("webhook_retry"), &args, &reply);
    return err == OK ? ok_none_or_full(&reply) : err;
}

enum err delivery_send(struct task *task, struct state *state, struct slice endpoint,
                       const struct acceptance *message, uint64_t now_ms,
                       const struct delivery_bounds *bounds)
{
    struct args args = args_new(task, 8);
    struct redis_value reply;
    unsigned partition;
    bool known = id_parse(message->event_id, SLICE("evt_"), state->partitions, &partition);

    assert(known);
    (void)known;
    add(&args, endpoint);
    add(&args, message->event_id);
    add(&args, message->type);
    add(&args, message->body);
    add(&args, message->owner);
    add_bounds(&args, now_ms, bounds);
    enum err err = call(task, state, partition, SLICE("webhook_send"), &args, &reply);
    return err == OK ? ok_none_or_full(&reply) : err;
}

enum err delivery_count(struct task *task, struct state *state, struct delivery_counts *out)
{
    enum err err = OK;

    *out = (struct delivery_counts){0};
    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        struct redis_value counts;

        err = state_command(task, state->durable, &counts, SLICE("HGETALL"),
                            state_key(task->arena, p, "webhooks:counts"));
        if (err != OK)
            continue;
        out->full += number_of(redis_field(&counts, SLICE("full")));
        out->refused += number_of(redis_field(&counts, SLICE("refused")));
    }
    return err;
}

/* -- Listing --------------------------------------------------------------------------------- */

/* One partition's part of a list: ids by time of acceptance, newest first, fetched in pages. */
struct source {
    unsigned partition;
    struct slice key;
    uint64_t fetched, total;
    uint64_t held_ms;        /* its endpoint waits until then */
    struct redis_value page; /* id, score, id, score, ... */
    size_t at;
};

static enum err source_open(struct task *task, struct state *state, struct slice endpoint,
                            struct slice since, struct source *source)
{
    struct redis_value count, held;

    source->key = state_key(task->arena, source->partition, "deliveries:%.*s", SLICE_ARG(endpoint));
    enum err err = redis_command(task, state->durable, &count, SLICE("ZCOUNT"), source->key, since,
                                 SLICE("+inf"));
    if (err == OK)
        err = redis_command(task, state->durable, &held, SLICE("ZSCORE"),
                            state_key(task->arena, source->partition, "held"), endpoint);
    if (err != OK)
        return err;
    source->total = count.type == REDIS_NUMBER ? (uint64_t)count.number : 0;
    source->held_ms = number_of(held.text);
    return OK;
}

static enum err source_fill(struct task *task, struct state *state, struct slice since,
                            struct source *source, uint64_t skip)
{
    source->fetched += skip;
    enum err err = redis_command(task, state->durable, &source->page, SLICE("ZREVRANGEBYSCORE"),
                                 source->key, SLICE("+inf"), since, SLICE("WITHSCORES"),
                                 SLICE("LIMIT"), record_number(task->arena, source->fetched),
                                 record_number(task->arena, LIST_MAX));
    if (err == OK && source->page.type != REDIS_LIST)
        return ERR_INTERNAL;
    source->at = 0;
    source->fetched += source->page.n / 2;
    return err;
}

struct found {
    unsigned partition;
    uint64_t held_ms;
    struct slice event_id;
};

static uint64_t source_time(const struct source *source)
{
    return source->at + 1 < source->page.n ? number_of(source->page.items[source->at + 1].text) : 0;
}

/* Merges the sources; a single one skips in the server. */
static enum err find(struct task *task, struct state *state, struct slice since,
                     struct source *sources, size_t n, uint64_t skip, uint64_t limit,
                     struct found *out, size_t *out_n)
{
    *out_n = 0;
    for (size_t i = 0; i < n; i++) {
        enum err err = source_fill(task, state, since, &sources[i], n == 1 ? skip : 0);
        if (err != OK)
            return err;
    }
    for (uint64_t passed = n == 1 ? skip : 0; *out_n < limit; passed++) {
        struct source *newest = &sources[0];

        for (size_t i = 1; i < n; i++)
            if (source_time(&sources[i]) > source_time(newest))
                newest = &sources[i];
        if (newest->at >= newest->page.n)
            return OK;
        if (passed >= skip)
            out[(*out_n)++] = (struct found){newest->partition, newest->held_ms,
                                             newest->page.items[newest->at].text};
        newest->at += 2;
        if (newest->at >= newest->page.n && newest->fetched < newest->total) {
            enum err err = source_fill(task, state, since, newest, 0);
            if (err != OK)
                return err;
        }
    }
    return OK;
}

static struct slice note_at(const struct delivery_record *record, struct slice name)
{
    for (size_t i = 0; i < record->note_count; i++)
        if (slice_eq(record->notes[i].name, name))
            return record->notes[i].value;
    return SLICE_NONE;
}

/* Out of the ring, oldest first. */
static void read_attempts(struct arena *arena, const struct delivery_record *record,
                          struct delivery *out)
{
    uint64_t kept = record->noted < DELIVERY_ATTEMPTS_KEPT ? record->noted : DELIVERY_ATTEMPTS_KEPT;

    out->attempts = ARENA_ARRAY(arena, struct delivery_attempt, kept + 1);
    for (uint64_t i = record->noted - kept; i < record->noted; i++) {
        struct slice name = arena_printf(arena, "a%" PRIu64, i % DELIVERY_ATTEMPTS_KEPT);

        if (parse_attempt(note_at(record, name), &out->attempts[out->attempt_count]))
            out->attempt_count++;
    }
}

static struct delivery delivery_of(struct arena *arena, const struct delivery_record *record,
                                   uint64_t held_ms)
{
    struct delivery delivery = {.event_id = record->event_id,
                                .type = record->type,
                                .state = record->state,
                                .accepted_ms = record->accepted_ms};

    if (record->state == DELIVERY_PENDING)
        delivery.next_ms = record->next_ms > held_ms ? record->next_ms : held_ms;
    read_attempts(arena, record, &delivery);
    return delivery;
}

/* All records in one round trip; one that expired meanwhile is left out. */
static enum err read_found(struct task *task, struct state *state, struct slice endpoint,
                           const struct found *found, size_t n, struct delivery *out, size_t *out_n)
{
    struct delivery_record *records = ARENA_ARRAY(task->arena, struct delivery_record, n);
    size_t there = n;

    for (size_t i = 0; i < n; i++)
        records[i] = (struct delivery_record){
            .partition = found[i].partition, .endpoint = endpoint, .event_id = found[i].event_id};
    enum err err = record_load_many(task, state, records, &there);
    *out_n = 0;
    for (size_t i = 0; i < n && *out_n < there; i++) {
        const struct delivery_record *record = &records[*out_n];

        if (slice_eq(record->event_id, found[i].event_id))
            out[(*out_n)++] = delivery_of(task->arena, record, found[i].held_ms);
    }
    return err;
}

enum err delivery_list(struct task *task, struct state *state, struct slice endpoint,
                       unsigned partition, bool all, uint64_t since_ms, uint64_t skip,
                       uint64_t limit, struct delivery **out, size_t *n, uint64_t *total)
{
    size_t source_count = all ? state->partitions : 1;
    struct source *sources = ARENA_ARRAY(task->arena, struct source, source_count);
    struct slice since = record_number(task->arena, since_ms);
    struct found *found = ARENA_ARRAY(task->arena, struct found, LIST_MAX);
    enum err err = OK;
    size_t found_n;

    assert(limit <= LIST_MAX);
    *total = 0;
    for (size_t i = 0; i < source_count && err == OK; i++) {
        sources[i].partition = all ? (unsigned)i : partition;
        err = source_open(task, state, endpoint, since, &sources[i]);
        *total += sources[i].total;
    }
    if (err == OK)
        err = find(task, state, since, sources, source_count, skip, limit, found, &found_n);
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct delivery, found_n + 1);
    return read_found(task, state, endpoint, found, found_n, *out, n);
}
