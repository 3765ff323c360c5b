#include "catalogue_process/follower.h"

#include "base/memory.h"
#include "base/task.h"
#include "state/stream.h"

#include <assert.h>
#include <string.h>

enum { AGAIN_MS = 20 };

struct pending { /* a media that an event names */
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

static bool is_pending(const struct follower *follower, struct slice id)
{
    for (size_t i = 0; i < follower->n; i++)
        if (slice_eq(follower->pending[i].id, id))
            return true;
    return false;
}

static void on_event(void *arg, const struct event *event)
{
    struct follower *follower = arg;

    if (!slice_starts_with(event->resource, SLICE("media_")) ||
        is_pending(follower, event->resource))
        return;
    if (follower->n == follower->room) {
        follower->room = follower->room ? 2 * follower->room : STREAM_READ_MAX;
        follower->pending =
            mem_realloc(follower->pending, follower->room * sizeof *follower->pending);
    }
    follower->pending[follower->n++] =
        (struct pending){arena_dup(follower->arena, event->resource), event->partition};
}

static void on_fork(void *arg, unsigned partition, const struct head *head)
{
    end(arg);
}

/* -- Writing ---------------------------------------------------------------------------------- */

struct batch {
    struct follower *follower;
    struct arena *arena;
    struct media *media; /* those that are there, in the order of the pending ones */
    size_t n;
    struct head *heads;
    bool fine;
};

static enum err load(struct task *task, struct batch *batch)
{
    struct follower *follower = batch->follower;

    batch->n = follower->n;
    batch->media = ARENA_ARRAY(task->arena, struct media, batch->n);
    for (size_t i = 0; i < batch->n; i++)
        batch->media[i] = (struct media){.partition = follower->pending[i].partition,
                                         .id = follower->pending[i].id};
    return record_load_many(task, follower->state, batch->media, &batch->n);
}

static bool write_rows(struct batch *batch)
{
    const struct follower *follower = batch->follower;
    size_t at = 0;

    for (size_t i = 0; i < follower->n; i++) {
        bool is_there = at < batch->n && slice_eq(batch->media[at].id, follower->pending[i].id);
        bool fine =
            is_there ? catalogue_put(follower->catalogue, batch->arena, &batch->media[at])
                     : catalogue_remove(follower->catalogue, batch->arena, follower->pending[i].id);
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
    for (unsigned i = 0; i < follower->state->partitions && batch->fine; i++)
        if (batch->heads[i].offset != follower->heads[i].offset)
            batch->fine = catalogue_place(follower->catalogue, i, &batch->heads[i]);
    batch->fine = batch->fine && catalogue_commit(follower->catalogue);
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
    struct batch batch = {.follower = follower, .arena = task->arena};
    unsigned partitions = follower->state->partitions;

    batch.heads = ARENA_ARRAY(task->arena, struct head, partitions);
    if (!take_heads(follower, batch.heads))
        return true;
    while (load(task, &batch) != OK) {
        if (follower->ending)
            return false;
        fiber_sleep(AGAIN_MS);
    }
    task_offload(task, write_batch, &batch);
    if (!batch.fine)
        return false;
    memcpy(follower->heads, batch.heads, partitions * sizeof *batch.heads);
    follower->n = 0;
    arena_reset(follower->arena);
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
    follower->stream = stream_open(follower->state, &from, &handlers);
    assert(follower->stream); /* this process has a handful of fibers */
    applied_publish(follower->applied, APPLIED_FOLLOWING, follower->database, follower->heads);
    fiber_await(&follower->ended, FIBER_FOREVER);
    stream_close(follower->stream);
    follower->stream = NULL;
    arena_free(follower->arena);
    mem_free(follower->pending);
    follower->pending = NULL;
    follower->n = follower->room = 0;
}
