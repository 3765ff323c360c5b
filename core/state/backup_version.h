/* backup_version.h: versions of backups, kept in collections. All of it lives in one partition,
 * BACKUP_PARTITION, since a collection has many uploaders:
 *   "{pN}:backup_collections"                  names of all that ever had a version
 *   "{pN}:backup_versions:<collection>"        the numbers that are kept, sorted
 * and the records `backup_stock` and `backup_version` in schemas/records.yaml. A version's blob is
 * counted as in blob.h. Numbers only grow, also when versions are removed. */
#pragma once

#include "records.h"

enum { BACKUP_PARTITION = 0, BACKUP_LIST_MAX = 1000, BACKUP_REMOVED_MAX = 100 };

enum err backup_stock_load(struct task *task, struct state *state, struct slice collection,
                           struct backup_stock *out);

/* Those with higher numbers than this one (0: all), oldest first; at most `limit`
 * (<= BACKUP_LIST_MAX). */
enum err backup_version_after(struct task *task, struct state *state, struct slice collection,
                              uint64_t number, size_t limit, struct backup_version **out,
                              size_t *n);
/* Newest first, at least one may be asked for, at most BACKUP_LIST_MAX. */
enum err backup_version_newest(struct task *task, struct state *state, struct slice collection,
                               size_t limit, struct backup_version **out, size_t *n);
enum err backup_version_load(struct task *task, struct state *state, struct slice collection,
                             uint64_t number, struct backup_version *out); /* ERR_NOT_FOUND */

/* Gives the version its id, number (stock->last + 1) and times, and keeps it; the versions in
 * `removed` (at most BACKUP_REMOVED_MAX) go in the same commit. Emits collection.version.uploaded
 * for `owner`, with the collection as its resource. ERR_OVERTAKEN: the collection is no longer
 * as `stock` says; nothing was done. */
enum err backup_version_add(struct task *task, struct state *state,
                            const struct backup_stock *stock, struct backup_version *version,
                            struct slice owner, const struct backup_version *removed, size_t n);

/* Names of all collections that have versions, or had. */
enum err backup_collections(struct task *task, struct state *state, struct slice **out, size_t *n);
