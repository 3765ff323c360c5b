#include "gateway/jobs/renewal.h"

#include "base/log.h"
#include "base/memory.h"
#include "state/job_kind.h"
#include "state/media.h"
#include "state/media_members.h"
#include "store/variant.h"

struct renewal {
    struct state *state;
    struct arena *arena; /* of `last` */
    unsigned partition;  /* the state's number of them: all were seen */
    uint64_t cursor;
    struct slice last; /* the media that was queued last; empty: none */
    uint64_t last_updated_ms;
    size_t queued; /* since the start */
};

struct renewal *renewal_new(struct state *state)
{
    struct renewal *renewal = MEM_NEW(struct renewal);

    renewal->state = state;
    renewal->arena = arena_new();
    return renewal;
}

void renewal_free(struct renewal *renewal)
{
    arena_free(renewal->arena);
    mem_free(renewal);
}

/* A job that ends, well or not, leaves its time in the record. */
static enum err last_has_ended(struct task *task, struct renewal *renewal, bool *ended)
{
    struct media media;

    *ended = true;
    if (renewal->last.n == 0)
        return OK;
    enum err err = media_load(task, renewal->state, renewal->last, &media);
    if (err == ERR_NOT_FOUND)
        return OK;
    *ended = err == OK && media.updated_ms != renewal->last_updated_ms;
    return err;
}

static enum err renew(struct task *task, struct renewal *renewal, const struct media *media,
                      bool *queued)
{
    struct slice *rows;
    size_t n;

    *queued = false;
    if (media->status != MEDIA_READY || !variant_outdated(VARIANTS_OF(media)))
        return OK;
    rows = variant_asked(task->arena, VARIANTS_OF(media), NULL, &n);
    enum err err =
        media_regenerate(task, renewal->state, media, rows, n, job_kind_for(media->type));
    *queued = err == OK;
    renewal->queued += err == OK;
    /* Somebody works on it just now, or it is gone. */
    return err == ERR_CONFLICT || err == ERR_OVERTAKEN || err == ERR_NOT_FOUND ? OK : err;
}

static enum err remember(struct task *task, struct renewal *renewal, struct slice last)
{
    struct media media;
    enum err err = media_load(task, renewal->state, last, &media);

    arena_reset(renewal->arena);
    renewal->last = SLICE_NONE;
    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    renewal->last = arena_dup(renewal->arena, last);
    renewal->last_updated_ms = media.updated_ms;
    return OK;
}

static enum err renew_page(struct task *task, struct renewal *renewal)
{
    struct slice last = SLICE_NONE;
    uint64_t cursor = renewal->cursor;
    struct media *media;
    bool queued;
    size_t n;
    enum err err = media_scan(task, renewal->state, renewal->partition, &cursor, &media, &n);

    for (size_t i = 0; i < n && err == OK; i++) {
        err = renew(task, renewal, &media[i], &queued);
        if (queued)
            last = media[i].id;
    }
    /* After an error the same page comes again; what is queued says that it was asked for. */
    if (err != OK)
        return err;
    renewal->cursor = cursor;
    renewal->partition += cursor == 0;
    return remember(task, renewal, last);
}

enum err renewal_round(struct task *task, struct renewal *renewal)
{
    bool ended;

    if (renewal->partition == renewal->state->partitions)
        return OK;
    enum err err = last_has_ended(task, renewal, &ended);
    if (err != OK || !ended)
        return err;
    err = renew_page(task, renewal);
    if (err == OK && renewal->partition == renewal->state->partitions && renewal->queued)
        log_event(LOG_INFO, "variants_renewed", F("media", renewal->queued));
    return err;
}
