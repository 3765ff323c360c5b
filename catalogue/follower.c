#include "catalogue_process/follower.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/task.h"
#include "state/stream.h"

#include <assert.h>
#include <string.h>

enum {
    AGAIN_MS = 20,
    WRITTEN_AT_ONCE = 1000, /* an event may name hundreds */
};

struct pending { /* a media that an event names */
    struct table_entry entry;
    struct slice id;
    unsigned partition;
};

static void end(struct follower *follower)
{
    if (!follower->over)
        fiber_resume(&follower->ended);
    follower->over = true;
}

void follower_end(struct follower *follower)
{
    follower->ending = true;
    if (!follower->busy && follower->stream)
        end(follower);
}

/* -- Gathering -------------------------------------------------------------------------------- */

static void add_pending(struct follower *follower, struct slice id, unsigned partition)
{
    if (!slice_starts_with(id, SLICE("media_")) || table_find(&follower->named, id))
        return;
    if (follower->n == follower->room) {
        follower->room = follower->room ? 2 * follower->room : STREAM_READ_MAX;
        follower->pending =
            mem_realloc(follower->pending, follower->room * sizeof *follower->pending);
    }
    struct pending *pending = ARENA_NEW(follower->arena, struct pending);
    *pending = (struct pending){.id = arena_dup(follower->arena, id), .partition = partition};
    table_add(&follower->named, &pending->entry, pending->id);
    follower->pending[follower->n++] = pending;
}

static void forget_pending(struct follower *follower)
{
    for (size_t i = 0; i < follower->n; i++)
        table_remove(&follower->named, &follower->pending[i]->entry);
    follower->n = 0;
    arena_reset(follower->arena);
}

/* Do the records of `changes.media_ids` change with it? */
static bool names_many(enum event_type type)
{
    return type == EVENT_COLLECTION_MEDIA_ADDED || type == EVENT_COLLECTION_MEDIA_REMOVED ||
           type == EVENT_COLLECTION_MEDIA_FORGOTTEN;
}

static void on_event(void *arg, const struct event *event)
{
    struct follower *follower = arg;
    const json_t *id;
    size_t i;

    add_pending(follower, event->resource, event->partition);
    if (!names_many(event->type))
        return;
    json_t *changes = json_parse(follower->arena, event->changes);
    json_array_foreach(json_object_get(changes, "media_ids"), i, id) add_pending(
        follower, (struct slice){json_string_value(id), json_string_length(id)}, event->partition);
}

static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    end(arg);
}

/* -- Writing ---------------------------------------------------------------------------------- */

struct batch {
    struct follower *follower;
    struct arena *arena;
    struct pending **pending; /* some of the follower's */
    size_t pending_n;
    struct media *media; /* those that are there, in the order of the pending ones */
    size_t n;
    const struct head *heads; /* NULL: more is to come before the new positions hold */
    bool fine;
};

static enum err load(struct task *task, struct batch *batch)
{
    batch->n = batch->pending_n;
    batch->media = ARENA_ARRAY(task->arena, struct media, batch->n);
    for (size_t i = 0; i < batch->n; i++)
        batch->media[i] =
            (struct media){.partition = batch->pending[i]->partition, .id = batch->pending[i]->id};
    return record_load_many(task, batch->follower->state, batch->media, &batch->n);
}

static bool write_rows(struct batch *batch)
{
    struct catalogue *catalogue = batch->follower->catalogue;
    size_t at = 0;

    for (size_t i = 0; i < batch->pending_n; i++) {
        struct slice id = batch->pending[i]->id;
        bool is_there = at < batch->n && slice_eq(batch->media[at].id, id);
        bool fine = is_there ? catalogue_put(catalogue, batch->arena, &batch->media[at])
                             : catalogue_remove(catalogue, batch->arena, id);
        at += is_there;
        if (!fine)
            return false;
    }
    return true;
}

static void write_batch(void *arg)
{
    struct batch *batch = arg;
    const struct follower *follower = batch->follower;

    batch->fine = catalogue_begin(follower->catalogue) && write_rows(batch);
    for (unsigned i = 0; batch->heads && i < follower->state->partitions && batch->fine; i++)
        if (batch->heads[i].offset != follower->heads[i].offset)
            batch->fine = catalogue_place(follower->catalogue, i, &batch->heads[i]);
    batch->fine = batch->fine && catalogue_commit(follower->catalogue);
}

/* Loads the batch's records, and writes them. */
static bool load_and_write(struct task *task, struct batch *batch)
{
    struct task own = *task;

    own.arena = batch->arena = arena_new();
    enum err err = load(&own, batch);
    while (err != OK && !batch->follower->ending) {
        fiber_sleep(AGAIN_MS);
        err = load(&own, batch);
    }
    if (err == OK)
        task_offload(&own, write_batch, batch);
    arena_free(own.arena);
    return err == OK && batch->fine;
}

/* Where the reader stands now. False: nowhere new. */
static bool take_heads(struct follower *follower, struct head *heads)
{
    bool moved = false;

    for (unsigned i = 0; i < follower->state->partitions; i++) {
        heads[i] = *stream_head(follower->stream, i);
        moved = moved || heads[i].offset != follower->heads[i].offset;
    }
    return moved;
}

/* False: it cannot be written, or is to end. */
static bool write_pending(struct task *task, struct follower *follower)
{
    unsigned partitions = follower->state->partitions;
    struct head *heads = ARENA_ARRAY(task->arena, struct head, partitions);
    size_t from = 0;

    if (!take_heads(follower, heads))
        return true;
    do {
        size_t left = follower->n - from, n = left < WRITTEN_AT_ONCE ? left : WRITTEN_AT_ONCE;
        struct batch batch = {.follower = follower,
                              .pending = follower->pending + from,
                              .pending_n = n,
                              .heads = n == left ? heads : NULL};

        if (!load_and_write(task, &batch))
            return false;
        from += n;
    } while (from < follower->n);
    memcpy(follower->heads, heads, partitions * sizeof *heads);
    forget_pending(follower);
    return true;
}

static void on_read(struct task *task, void *arg)
{
    struct follower *follower = arg;

    if (follower->over)
        return;
    follower->busy = true;
    bool fine = write_pending(task, follower);
    follower->busy = false;
    if (!fine || follower->ending)
        end(follower);
    else
        applied_publish(follower->applied, APPLIED_FOLLOWING, follower->database, follower->heads);
}

void follower_run(struct follower *follower)
{
    const struct position from = {follower->state->partitions, follower->heads};
    const struct stream_handlers handlers = {
        .arg = follower, .on_event = on_event, .on_fork = on_fork, .on_read = on_read};

    follower->arena = arena_new();
    table_init(&follower->named);
    follower->stream = stream_open(follower->state, &from, &handlers);
    assert(follower->stream); /* this process has a handful of fibers */
    applied_publish(follower->applied, APPLIED_FOLLOWING, follower->database, follower->heads);
    fiber_await(&follower->ended, FIBER_FOREVER);
    stream_close(follower->stream);
    follower->stream = NULL;
    forget_pending(follower);
    table_fini(&follower->named);
    arena_free(follower->arena);
    mem_free(follower->pending);
    follower->pending = NULL;
    follower->n = follower->room = 0;
}
