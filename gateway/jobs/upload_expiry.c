#include "gateway/jobs/upload_expiry.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "state/record.h"
#include "state/resumable.h"
#include "store/partial.h"

enum {
    ORPHANS_AT_ONCE = 64,
    ORPHANS_EVERY_MS = 60 * 1000,
    ORPHAN_GRACE_MS = 3600 * 1000, /* beyond the life of an upload: then its record is gone */
};

struct upload_expiry {
    struct store *store;
    struct state *state;
    uint64_t life_ms;
    uint64_t orphans_at_ms;
};

struct upload_expiry *upload_expiry_new(struct store *store, struct state *state, uint64_t life_s)
{
    struct upload_expiry *expiry = MEM_NEW(struct upload_expiry);

    expiry->store = store;
    expiry->state = state;
    expiry->life_ms = life_s * 1000;
    return expiry;
}

void upload_expiry_free(struct upload_expiry *expiry)
{
    mem_free(expiry);
}

static enum err end_upload(struct task *task, const struct upload_expiry *expiry,
                           const struct resumable *resumable)
{
    enum err err = resumable_remove(task, expiry->state, resumable);

    if (err == ERR_OVERTAKEN) /* somebody goes on with it */
        return OK;
    if (err != OK)
        return err;
    partial_remove(task, expiry->store, resumable->id);
    if (!resumable->ended_ms)
        log_event(LOG_INFO, "upload_expired", F("upload", resumable->id),
                  F("user", resumable->owner));
    return OK;
}

/* One that has become a media is told of for as long as an unfinished one would have lived. */
static bool is_remembered(const struct upload_expiry *expiry, const struct resumable *resumable,
                          uint64_t *until_ms)
{
    *until_ms = resumable->ended_ms + expiry->life_ms;
    return resumable->media_id.n && *until_ms > clock_unix_ms();
}

/* When something was last added: to it, or to a piece that it waits for. */
static enum err look_when(struct task *task, const struct upload_expiry *expiry,
                          const struct resumable *resumable, uint64_t *changed_ms)
{
    struct partial_look look;
    enum err err = partial_look(task, expiry->store, resumable->id, &look);

    *changed_ms = look.changed_ms;
    for (size_t i = 0; i < resumable->piece_count && err == OK; i++) {
        struct resumable piece = {.id = resumable->pieces[i]};

        err = record_locate(expiry->state, &piece); /* that it is an id of ours */
        if (err == OK)
            err = partial_look(task, expiry->store, piece.id, &look);
        if (err == OK && look.changed_ms > *changed_ms)
            *changed_ms = look.changed_ms;
    }
    return err;
}

static enum err look_at(struct task *task, const struct upload_expiry *expiry, unsigned partition,
                        struct slice id)
{
    struct resumable resumable = {.id = id};
    uint64_t changed_ms = 0, ends_ms;
    enum err err = record_load(task, expiry->state, &resumable);

    if (err == ERR_NOT_FOUND)
        return resumable_look_again(task, expiry->state, partition, id, 0);
    if (err == OK && !resumable.ended_ms)
        err = look_when(task, expiry, &resumable, &changed_ms);
    if (err != OK)
        return err;
    if (is_remembered(expiry, &resumable, &ends_ms)) {
        partial_remove(task, expiry->store, id);
        return resumable_look_again(task, expiry->state, partition, id, ends_ms);
    }
    ends_ms = changed_ms + expiry->life_ms;
    if (changed_ms && ends_ms > clock_unix_ms())
        return resumable_look_again(task, expiry->state, partition, id, ends_ms);
    return end_upload(task, expiry, &resumable);
}

static enum err expire(struct task *task, struct upload_expiry *expiry, unsigned partition)
{
    struct slice *ids;
    size_t n = 0;
    enum err err = resumable_due(task, expiry->state, partition, &ids, &n);

    for (size_t i = 0; i < n && err == OK; i++)
        err = look_at(task, expiry, partition, ids[i]);
    return err;
}

/* -- Files without a record ------------------------------------------------------------------- */

struct orphans {
    struct arena *arena;
    struct store *store;
    uint64_t before_ms;
    struct slice names[ORPHANS_AT_ONCE];
    size_t n;
};

static void find_orphans(void *arg)
{
    struct orphans *orphans = arg;

    orphans->n = partial_list(orphans->arena, orphans->store, orphans->before_ms, orphans->names,
                              ORPHANS_AT_ONCE);
}

static enum err remove_orphans(struct task *task, struct upload_expiry *expiry)
{
    struct orphans *orphans = ARENA_NEW(task->arena, struct orphans);
    uint64_t age_ms = expiry->life_ms + ORPHAN_GRACE_MS, now_ms = clock_unix_ms();
    enum err err = OK;

    if (clock_ms() < expiry->orphans_at_ms)
        return OK;
    expiry->orphans_at_ms = clock_ms() + ORPHANS_EVERY_MS;
    orphans->arena = task->arena;
    orphans->store = expiry->store;
    orphans->before_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    task_offload(task, find_orphans, orphans);
    for (size_t i = 0; i < orphans->n && err == OK; i++) {
        struct resumable resumable = {.id = orphans->names[i]};

        err = record_load(task, expiry->state, &resumable);
        if (err != ERR_NOT_FOUND)
            continue;
        partial_remove(task, expiry->store, orphans->names[i]);
        log_event(LOG_INFO, "upload_remains_removed", F("file", orphans->names[i]));
        err = OK;
    }
    return err;
}

enum err upload_expiry_round(struct task *task, struct upload_expiry *expiry)
{
    enum err err = OK;

    for (unsigned partition = 0; partition < expiry->state->partitions && err == OK; partition++)
        err = expire(task, expiry, partition);
    return err == OK ? remove_orphans(task, expiry) : err;
}
