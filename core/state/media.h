/* media.h: a photo, clip or recording: `media` in schemas/records.yaml, in its owner's partition,
 * a member of it and of its owner's (media_members.h), perhaps of some collections
 * (collection_members.h), and with the blob's reference count (blob.h). Lists of them are the
 * catalogue's (core/catalogue). */
#pragma once

#include "state/commit.h"
#include "state/job.h"
#include "state/once.h"
#include "state/usage.h"

/* Fills in id and times; one commit makes the record, its memberships (`collections` too:
 * ERR_NOT_FOUND where one is gone or not its owner's, ERR_QUOTA where one is full), the blob's
 * reference, its first job and the event media.uploaded. job may be NULL (nothing to make of this
 * type), and so may once (ERR_CONFLICT: its key made something else) and bound (ERR_QUOTA: there is
 * no room; its claim stands). */
enum err media_create(struct task *task, struct state *state, struct media *media, struct job *job,
                      const struct once_claim *once, const struct usage_bound *bound);
/* The same; `add` puts more into the commit, once the media has its id. It may be called again. */
struct media_companion {
    void (*add)(struct commit *commit, const struct media *media, void *arg);
    void *arg;
};
enum err media_create_with(struct task *task, struct state *state, struct media *media,
                           struct job *job, const struct once_claim *once,
                           const struct usage_bound *bound, const struct media_companion *with);
enum err media_load(struct task *task, struct state *state, struct slice id, struct media *out);
/* Loads the media, has fn change it (title, description, tags, is_public), and saves it with a new
 * updated_ms; emits media.updated. fn is called again on the newer record when somebody else was
 * faster, so that both changes hold; its error ends the change. ERR_OVERTAKEN: others were faster
 * again and again. */
typedef enum err media_change_fn(struct media *now, void *arg);
enum err media_change(struct task *task, struct state *state, struct slice id, media_change_fn *fn,
                      void *arg, struct media *out);
/* When fn has looked at the present record and found nothing against it; called again as that of
 * media_change(). Emits media.deleted; jobs of the media end by themselves. ERR_NOT_FOUND: somebody
 * was faster. */
enum err media_delete(struct task *task, struct state *state, struct slice id, media_change_fn *fn,
                      void *arg);

/* From now on the record has these n rows of variants, and a job of this kind makes anew what it
 * makes, behind all other work. Emits media.updated. ERR_CONFLICT: its variants have changed since
 * it was loaded. ERR_NOT_FOUND: it is deleted. */
enum err media_regenerate(struct task *task, struct state *state, const struct media *media,
                          struct slice *variants, size_t n, enum job_kind kind);

struct media_outcome {
    enum event_type event;
    struct slice changes; /* the event's, a JSON object; empty: status and size */
    struct job *next;     /* queued in the same commit; NULL: nothing */
};
/* Puts what a worker found into the present record; called again as that of media_change(). */
typedef struct media_outcome media_result_fn(struct media *now, void *arg);
/* Ends the job with what fn makes of it, under the fence of its lease. ERR_CONFLICT: the lease is
 * no longer valid, nothing was changed. ERR_NOT_FOUND: the media is deleted. */
enum err media_finish(struct task *task, struct state *state, const struct job *job,
                      media_result_fn *fn, void *arg);

/* The job cannot succeed: it is parked with this message and log, and the media has failed with
 * them (media.failed); but a transcode's failure, or that of making anew what was ready, leaves the
 * media as it was (media.updated), because what is there serves. ERR_CONFLICT: the lease is no
 * longer valid, or the media is deleted. */
enum err media_park(struct task *task, struct state *state, const struct job *job,
                    struct slice code, struct slice message, struct slice log);
/* A parked job of a media is queued again, and the media is as before it failed (media.updated).
 * ERR_CONFLICT: it is not parked (any more); ERR_NOT_FOUND: there is none, or its media is gone. */
enum err media_retry(struct task *task, struct state *state, struct slice job_id);

/* A worker has accepted the job: emits media.processing, once per job however often it is called
 * (OK). ERR_CONFLICT: the lease is no longer valid. */
enum err media_processing(struct task *task, struct state *state, const struct job *job);
