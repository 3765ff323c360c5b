/* msgpack.h: MessagePack at the borders, safe against hostile counts. msgpack-c allocates what a
 * header claims, so a scan of the bytes comes first. */
#pragma once

#include "base/arena.h"

#include <msgpack.h>

enum { MSGPACK_MAX_BYTES = 256 << 10, MSGPACK_MAX_DEPTH = 16 };

/* Decodes exactly one object that fills the whole slice; false on anything else. Strings of the
 * object point into `bytes`, which must outlive it; the zone dies with the arena. */
bool msgpack_parse(struct arena *arena, struct slice bytes, msgpack_object *out);
