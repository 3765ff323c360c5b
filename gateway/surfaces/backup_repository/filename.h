/* filename.h: the name under which a version of a collection is offered for download. Pure. */
#pragma once

#include "base/arena.h"

/* The template with every "${version}" replaced by the number, made fit for a file name: '/', NUL
 * and control characters become '_'. "version-<n>" where nothing usable is left: an empty name,
 * "." and "..". The result lives in the arena. */
struct slice backup_filename(struct arena *arena, struct slice template, uint64_t version);
