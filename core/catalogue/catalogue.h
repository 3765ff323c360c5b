/* catalogue.h: the catalogue's file, as its one writer sees it: which media there are, with what
 * lists filter, order and search by (schemas/records.yaml, `catalogue`). SQLite with FTS5, in WAL
 * mode, not synchronous: all of it can be built anew from the records. The positions up to which
 * the event streams are in it are written in the same transaction as the rows. All calls block, one
 * thread at a time. False is a fault of disk or file: it is to be built anew. */
#pragma once

#include "base/arena.h"
#include "records.h"
#include "state/position.h"

struct catalogue;

/* A new file in the place of an old one, for catalogue_put() from the oldest media to the newest;
 * it is no catalogue before catalogue_complete(). NULL: it cannot be made. */
struct catalogue *catalogue_create(const char *path);
bool catalogue_complete(struct catalogue *catalogue);

/* Looks at all of it first. heads[partitions]: how far it is. NULL: there is none, it is damaged,
 * of other partitions or another version's. */
struct catalogue *catalogue_open(const char *path, unsigned partitions, struct head *heads);
void catalogue_close(struct catalogue *catalogue);

bool catalogue_begin(struct catalogue *catalogue);
/* As the record is now; what is there already with this rev is left alone. */
bool catalogue_put(struct catalogue *catalogue, struct arena *arena, const struct media *media);
bool catalogue_remove(struct catalogue *catalogue, struct arena *arena, struct slice id);
bool catalogue_place(struct catalogue *catalogue, unsigned partition, const struct head *head);
bool catalogue_commit(struct catalogue *catalogue);
