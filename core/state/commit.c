#include "state/commit.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "state/id.h"

#include <assert.h>
#include <string.h>

enum { WAIT_AGAIN_MS = 10, COMMIT_ID_BYTES = 16, CHECK_ARGS = 4 };

static const struct slice check_rev = SLICE_INIT("rev");
static const struct slice check_room = SLICE_INIT("room");
static const struct slice check_places = SLICE_INIT("places");
static const struct slice check_member = SLICE_INIT("member");

struct operands {
    struct slice *items;
    size_t n, size;
    size_t groups; /* checks, events or writes in it */
};

struct commit {
    struct task *task;
    struct state *state;
    unsigned partition;
    struct slice id;
    struct operands checks, events, writes;
    enum err refused;
    struct slice function;
    int failed_check;
};

static void add(struct commit *commit, struct operands *operands, struct slice item)
{
    if (operands->n == operands->size) {
        size_t size = operands->size ? 2 * operands->size : 32;
        struct slice *grown = ARENA_ARRAY(commit->task->arena, struct slice, size);

        if (operands->n)
            memcpy(grown, operands->items, operands->n * sizeof *grown);
        operands->items = grown;
        operands->size = size;
    }
    operands->items[operands->n++] = item;
}

static void add_number(struct commit *commit, struct operands *operands, uint64_t number)
{
    add(commit, operands, arena_printf(commit->task->arena, "%llu", (unsigned long long)number));
}

struct commit *commit_new(struct task *task, struct state *state, unsigned partition)
{
    struct commit *commit = ARENA_NEW(task->arena, struct commit);
    char id[COMMIT_ID_BYTES];

    assert(partition < state->partitions);
    random_bytes(id, sizeof id);
    *commit = (struct commit){.task = task,
                              .state = state,
                              .partition = partition,
                              .id = text_base64url(task->arena, (struct slice){id, sizeof id}),
                              .function = SLICE("commit"),
                              .failed_check = -1};
    return commit;
}

struct arena *commit_arena(const struct commit *commit)
{
    return commit->task->arena;
}

unsigned commit_partition(const struct commit *commit)
{
    return commit->partition;
}

static void check(struct commit *commit, struct slice kind, struct slice key, struct slice field,
                  struct slice value)
{
    add(commit, &commit->checks, kind);
    add(commit, &commit->checks, key);
    add(commit, &commit->checks, field);
    add(commit, &commit->checks, value);
    commit->checks.groups++;
}

void commit_require_present(struct commit *commit, struct slice key)
{
    check(commit, SLICE("present"), key, SLICE_NONE, SLICE_NONE);
}

void commit_require_absent(struct commit *commit, struct slice key)
{
    check(commit, SLICE("absent"), key, SLICE_NONE, SLICE_NONE);
}

void commit_require_field(struct commit *commit, struct slice key, struct slice field,
                          struct slice value)
{
    check(commit, SLICE("field"), key, field, value);
}

void commit_require_rev(struct commit *commit, struct slice key, uint64_t rev)
{
    check(commit, check_rev, key, SLICE_NONE,
          arena_printf(commit->task->arena, "%llu", (unsigned long long)rev));
}

void commit_refuse(struct commit *commit, enum err why)
{
    if (commit->refused == OK)
        commit->refused = why;
}

void commit_require_room(struct commit *commit, struct slice key, struct slice field, uint64_t more,
                         uint64_t most)
{
    check(commit, check_room, key, field,
          arena_printf(commit->task->arena, "%llu %llu", (unsigned long long)more,
                       (unsigned long long)most));
}

void commit_require_places(struct commit *commit, struct slice key, uint64_t more, uint64_t most)
{
    check(commit, check_places, key, SLICE_NONE,
          arena_printf(commit->task->arena, "%llu %llu", (unsigned long long)more,
                       (unsigned long long)most));
}

/* The value is for check_error(): the server does not look at it. */
void commit_require_member(struct commit *commit, struct slice key, struct slice member,
                           enum err otherwise)
{
    check(commit, check_member, key, member, arena_printf(commit->task->arena, "%d", otherwise));
}

void commit_event(struct commit *commit, struct event *event)
{
    struct arena *arena = commit->task->arena;
    struct operands *events = &commit->events;

    if (!event->id.n)
        event->id = id_new(arena, SLICE("evt_"), commit->partition);
    if (!event->timestamp_ms)
        event->timestamp_ms = clock_unix_ms();
    event->partition = commit->partition;
    event->body = event_body(arena, event);
    add(commit, events, event->id);
    add(commit, events, event_row(event->type)->name);
    add(commit, events, event->owner);
    add(commit, events, event->resource);
    add(commit, events, event->resource_type);
    add(commit, events, event->body);
    add(commit, events, event->changes);
    add_number(commit, events, event->timestamp_ms);
    events->groups++;
}

void commit_writev(struct commit *commit, const struct slice *argv, size_t argc)
{
    assert(commit->writes.groups < COMMIT_MAX_WRITES);
    add_number(commit, &commit->writes, argc);
    for (size_t i = 0; i < argc; i++)
        add(commit, &commit->writes, argv[i]);
    commit->writes.groups++;
}

void commit_allow_full(struct commit *commit)
{
    commit->function = SLICE("commit_full");
}

static struct operands arguments(struct commit *commit)
{
    const struct operands *parts[] = {&commit->checks, &commit->events, &commit->writes};
    struct operands all = {0};

    add(commit, &all, commit->id);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        add_number(commit, &all, parts[i]->groups);
        for (size_t j = 0; j < parts[i]->n; j++)
            add(commit, &all, parts[i]->items[j]);
    }
    return all;
}

static enum err check_error(const struct slice *check)
{
    struct slice kind = check[0], value = check[CHECK_ARGS - 1];
    uint64_t otherwise;

    if (slice_eq(kind, check_rev))
        return ERR_OVERTAKEN;
    if (slice_eq(kind, check_room) || slice_eq(kind, check_places))
        return ERR_QUOTA;
    return slice_eq(kind, check_member) && slice_to_u64(value, &otherwise) ? (enum err)otherwise
                                                                           : ERR_CONFLICT;
}

static enum err read_answer(struct commit *commit, const struct redis_value *answer)
{
    uint64_t number = 0;

    if (answer->type != REDIS_LIST || answer->n < 1 ||
        (answer->n > 1 && !slice_to_u64(answer->items[1].text, &number)))
        return ERR_INTERNAL;
    if (slice_eq(answer->items[0].text, SLICE("ok")))
        return OK;
    if (slice_eq(answer->items[0].text, SLICE("check"))) {
        if (number >= commit->checks.groups)
            return ERR_INTERNAL;
        commit->failed_check = (int)number;
        return check_error(&commit->checks.items[number * CHECK_ARGS]);
    }
    log_event(LOG_ERROR, "history_full", F("partition", commit->partition));
    return ERR_STATE_UNAVAILABLE;
}

/* False when the commit's time is over. */
static bool wait_ready(struct commit *commit, uint64_t until_ms)
{
    const struct task *task = commit->task;

    do {
        if (clock_ms() >= until_ms || (task->deadline_ms && clock_ms() >= task->deadline_ms))
            return false;
        fiber_sleep(WAIT_AGAIN_MS);
    } while (!state_ready(commit->state));
    return true;
}

enum err commit_send(struct commit *commit)
{
    uint64_t until_ms = clock_ms() + COMMIT_RETRY_MS;
    struct slice key = state_key(commit->task->arena, commit->partition, "head");
    struct operands args = arguments(commit);
    struct redis_value answer;
    enum err err;

    commit->failed_check = -1;
    if (commit->refused != OK)
        return commit->refused;
    if (!redis_ready(commit->state->durable))
        return ERR_STATE_UNAVAILABLE;
    FAULT_POINT(COMMIT_BEFORE_SEND);
    do {
        FAULT_POINT_ONCE_WRITTEN(COMMIT_AFTER_SEND);
        err = state_fcall(commit->task, commit->state, commit->function, key, args.items, args.n,
                          &answer);
        /* A fault is an answer: nothing was written. Without one nobody knows, so ask again. */
    } while (err == ERR_STATE_UNAVAILABLE && answer.type != REDIS_FAULT &&
             wait_ready(commit, until_ms));
    FAULT_POINT(COMMIT_AFTER_ANSWER);
    return err == OK ? read_answer(commit, &answer) : err;
}

int commit_failed_check(const struct commit *commit)
{
    return commit->failed_check;
}
