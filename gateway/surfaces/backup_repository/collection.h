/* collection.h: what the definition of a collection demands of its versions: decisions without
 * HTTP. Times are Unix ms. */
#pragma once

#include "gateway/surfaces/backup_repository/manifest.h"
#include "state/backup_version.h"

/* Is one of its windows open? A collection without windows is always open. */
bool collection_is_open(const struct backup_collection *collection, uint64_t now_ms);

/* Since when there should have been a backup: the beginning of the latest window that is over.
 * False: none is over yet, or there are no windows. */
bool collection_due_since(const struct backup_collection *collection, uint64_t now_ms,
                          uint64_t *since_ms);

/* How many of the oldest versions give way to one more; strategy fifo alone lets them. False: it is
 * full. */
bool collection_surplus(const struct backup_collection *collection,
                        const struct backup_stock *stock, uint64_t *surplus);

/* How large the next version may be when `freed` bytes are given back for it; UINT64_MAX: any. */
uint64_t collection_room(const struct backup_collection *collection,
                         const struct backup_stock *stock, uint64_t freed);

/* As the object of a decision about rights (gateway/roles.h). */
struct object collection_object(const struct backup_collection *collection);
