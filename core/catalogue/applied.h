/* applied.h: the page that the process of the catalogue shares with the gateways of its host: which
 * file is the catalogue, and how far the event streams are in it. A hint of when to look: what a
 * file really holds, it says itself. The page is a file that is mapped; it has one writer. */
#pragma once

#include "state/position.h"

struct applied;

enum applied_phase { APPLIED_OPENING, APPLIED_BUILDING, APPLIED_FOLLOWING };

enum { APPLIED_BEAT_MS = 1000, APPLIED_SILENCE_MS = 10000 };

/* The writer's: a new one in the place of any other; nothing is applied. NULL: errno says why. */
struct applied *applied_make(const char *path, unsigned partitions);
/* The gateways'. NULL: there is none whose writer is alive, or one of other partitions. */
struct applied *applied_open(const char *path, unsigned partitions);
void applied_close(struct applied *applied);
/* Is the file at its path still the one that is mapped? */
bool applied_is_there(const struct applied *applied);

/* database: in the file's name; 0: none is open. heads[partitions]: what is in it; NULL: as before.
 */
void applied_publish(struct applied *applied, enum applied_phase phase, uint64_t database,
                     const struct head *heads);
void applied_beat(struct applied *applied, uint64_t unix_ms);
void applied_progress(struct applied *applied, uint64_t done, uint64_t total);

struct applied_view {
    enum applied_phase phase;
    uint64_t database, beat_ms; /* when the writer was last alive, Unix ms */
    uint64_t done, total;       /* items of the rebuild under way */
};
void applied_look(const struct applied *applied, struct applied_view *out);
void applied_head(const struct applied *applied, unsigned partition, struct head *out);

/* A gateway found this file damaged: it is to be built anew. */
void applied_complain(struct applied *applied, uint64_t database);
uint64_t applied_complaint(const struct applied *applied);

/* "<folder>/catalogue-<database>.db" */
struct slice applied_file(struct arena *arena, struct slice folder, uint64_t database);
struct slice applied_path(struct arena *arena, struct slice data);   /* of the page */
struct slice applied_folder(struct arena *arena, struct slice data); /* of the files */
