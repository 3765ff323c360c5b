#include "gateway/jobs/collector.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "state/blob.h"
#include "state/pulse.h"
#include "store/trash.h"
#include "store/walk.h"

enum {
    SLICE_ENTRIES = 256,
    PAUSE_MAX_S = 600, /* between two walks through everything */
};
_Static_assert((int)SLICE_ENTRIES <= (int)BLOBS_MAX, "one question per slice");

struct collector {
    struct store *store;
    struct state *state;
    uint64_t after_ms;
    struct store_walk *walk; /* NULL: it pauses */
    enum store_area area;
    uint64_t pause_until_ms;
};

/* What one round looks at. The pool has it while it works. */
struct round {
    struct collector *collector;
    struct store_entry entries[SLICE_ENTRIES];
    struct slice hashes[SLICE_ENTRIES];
    bool needed[SLICE_ENTRIES];
    size_t n;
    uint64_t known_since_ms, unused_since_ms; /* Unix: only what is between them is looked at */
    bool at_end;
};

struct collector *collector_new(struct store *store, struct state *state, uint64_t collect_after_s)
{
    struct collector *collector = MEM_NEW(struct collector);

    collector->store = store;
    collector->state = state;
    collector->after_ms = collect_after_s * 1000;
    return collector;
}

void collector_free(struct collector *collector)
{
    store_walk_close(collector->walk);
    mem_free(collector);
}

/* -- On the pool ------------------------------------------------------------------------------ */

static void begin_walk(struct collector *collector)
{
    if (collector->area == 0)
        store_clean_incoming(collector->store);
    collector->walk = store_walk_open(collector->store, collector->area);
}

static void look(void *arg)
{
    struct round *round = arg;
    struct collector *collector = round->collector;
    size_t seen;

    if (!collector->walk)
        begin_walk(collector);
    seen = store_walk_next(collector->walk, round->entries, SLICE_ENTRIES);
    round->at_end = seen == 0;
    for (size_t i = 0; i < seen; i++) {
        const struct store_entry *entry = &round->entries[i];
        uint64_t since_ms = collector->area == STORE_TRASH ? entry->moved_ms : entry->changed_ms;

        if (since_ms < round->unused_since_ms && entry->changed_ms >= round->known_since_ms)
            round->entries[round->n++] = *entry;
    }
    for (size_t i = 0; i < round->n; i++)
        round->hashes[i] = slice_from(round->entries[i].hex);
}

/* Afterwards round->hashes are those that have gone to the trash. */
static void put(void *arg)
{
    struct round *round = arg;
    size_t n = 0;

    for (size_t i = 0; i < round->n; i++)
        if (!round->needed[i] &&
            trash_put(round->collector->store, round->hashes[i], round->unused_since_ms) == OK)
            round->hashes[n++] = round->hashes[i];
    round->n = n;
}

static void restore_needed(void *arg)
{
    struct round *round = arg;

    for (size_t i = 0; i < round->n; i++)
        if (round->needed[i])
            trash_restore(round->collector->store, round->hashes[i]);
}

static void restore_or_purge(void *arg)
{
    struct round *round = arg;

    restore_needed(round);
    for (size_t i = 0; i < round->n; i++)
        if (!round->needed[i])
            trash_purge(round->collector->store, round->hashes[i]);
}

/* -- On the loop ------------------------------------------------------------------------------ */

static enum err ask(struct task *task, struct round *round)
{
    return blob_referenced(task, round->collector->state, round->hashes, round->n, round->needed);
}

static size_t count_unneeded(const struct round *round)
{
    size_t n = 0;

    for (size_t i = 0; i < round->n; i++)
        n += !round->needed[i];
    return n;
}

static enum err collect(struct task *task, struct round *round)
{
    enum err err = ask(task, round);

    if (err != OK || count_unneeded(round) == 0)
        return err;
    task_offload(task, put, round);
    if (round->n == 0)
        return OK;
    log_event(LOG_INFO, "content_trashed", F("count", round->n));
    /* A record may have come meanwhile. Without an answer the trash's own turn finds it. */
    err = ask(task, round);
    if (err == OK && count_unneeded(round) < round->n)
        task_offload(task, restore_needed, round);
    return err;
}

static enum err empty_trash(struct task *task, struct round *round)
{
    enum err err = ask(task, round);

    if (err != OK)
        return err;
    task_offload(task, restore_or_purge, round);
    log_event(LOG_INFO, "content_removed", F("count", count_unneeded(round)));
    return OK;
}

static void next_area(struct collector *collector)
{
    uint64_t pause_ms =
        collector->after_ms < PAUSE_MAX_S * 1000 ? collector->after_ms : PAUSE_MAX_S * 1000;

    store_walk_close(collector->walk);
    collector->walk = NULL;
    collector->area = (collector->area + 1) % STORE_AREAS;
    if (collector->area == 0)
        collector->pause_until_ms = clock_ms() + pause_ms;
}

enum err collector_round(struct task *task, struct collector *collector)
{
    struct round *round = ARENA_NEW(task->arena, struct round);
    uint64_t now_ms = clock_unix_ms();

    if (!collector->walk && clock_ms() < collector->pause_until_ms)
        return OK;
    if (pulse_feel(task, collector->state, PULSE_BACKUP) == OK)
        return OK;
    round->collector = collector;
    round->unused_since_ms = now_ms > collector->after_ms ? now_ms - collector->after_ms : 0;
    enum err err = blob_known_since(task, collector->state, &round->known_since_ms);
    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    task_offload(task, look, round);
    if (round->at_end)
        next_area(collector);
    else if (round->n)
        err = collector->area == STORE_TRASH ? empty_trash(task, round) : collect(task, round);
    return err;
}
