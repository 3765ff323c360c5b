/* files.h: the folder of the catalogue. A file is built under a name of its own, "catalogue-N.new",
 * and becomes "catalogue-N.db" when it is whole; N grows, and the newest one counts. All calls
 * block. */
#pragma once

#include "base/arena.h"

bool files_prepare(struct arena *arena, struct slice folder); /* made when missing; errno */
/* The newest catalogue's number; 0: there is none. */
uint64_t files_newest(struct slice folder);
/* Removes all but this one. Whoever has another one open reads on in it. */
void files_remove_others(struct arena *arena, struct slice folder, uint64_t keep);
struct slice files_new(struct arena *arena, struct slice folder, uint64_t database);
