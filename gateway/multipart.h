/* multipart.h: a streaming reader of multipart/form-data (RFC 7578, RFC 2046), without sockets or
 * files: bytes in, events out. Bounded: header block of a part 8 KiB, 64 parts, no nesting. Fuzzed.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { MULTIPART_MAX_PARTS = 64, MULTIPART_MAX_PART_HEAD = 8 << 10 };

struct multipart;

enum multipart_event {
    MULTIPART_NEED_MORE, /* feed again */
    MULTIPART_PART,      /* a part begins: name, filename, content_type are set */
    MULTIPART_DATA,      /* a run of the part's bytes, inside what was fed */
    MULTIPART_PART_END,
    MULTIPART_END, /* the closing boundary */
};

struct multipart_part {
    struct slice name, filename, content_type; /* filename: last path segment only, valid UTF-8 */
    bool has_filename;
};

/* The Content-Type header's boundary; NULL when it is not multipart/form-data with a valid one. */
struct multipart *multipart_new(struct arena *arena, struct slice content_type);
void multipart_feed(struct multipart *multipart, struct slice bytes); /* borrowed until NEED_MORE */
/* ERR_BAD_REQUEST on anything malformed; after that the reader must not be used. */
enum err multipart_next(struct multipart *multipart, enum multipart_event *event,
                        struct multipart_part *part, struct slice *data);
