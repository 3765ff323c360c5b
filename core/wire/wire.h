/* wire.h: the messages between job server, workers and decode children as C structs, and their
 * MessagePack form. The schema is schemas/wire.yaml; structs, enums and bounds are generated from
 * it (wire_messages.h). Knows bytes only: no sockets, no jobs. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "wire_messages.h"

enum { WIRE_MAX_BYTES = 64 << 10 }; /* of one message; past it the receiver refuses */

/* What is wrong with a message that came in. */
enum wire_fault {
    WIRE_FINE,
    WIRE_MALFORMED, /* not one MessagePack map, or too long */
    WIRE_WRONG_VERSION,
    WIRE_UNKNOWN_TYPE,
    WIRE_MISSING_FIELD,
    WIRE_UNKNOWN_FIELD, /* or one that stands there twice */
    WIRE_WRONG_TYPE,    /* of a field */
    WIRE_OUT_OF_RANGE,
};

const char *wire_fault_name(enum wire_fault fault);
struct slice wire_type_name(enum wire_type type);

/* Appends the message; false when the buffer's maximum is passed. A value outside the schema's
 * bounds is the caller's bug and asserts: wire_clip() makes texts from outside fit. */
bool wire_encode(struct buf *out, const struct wire_message *message);

/* Reads one message that fills the whole slice. Texts point into `bytes`; lists live in the arena.
 */
enum wire_fault wire_decode(struct arena *arena, struct slice bytes, struct wire_message *out);

/* The text as the schema wants it: valid UTF-8, no control characters but line feeds, no blanks at
 * the ends, at most max_bytes (cut at a character). */
struct slice wire_clip(struct arena *arena, struct slice text, size_t max_bytes);
