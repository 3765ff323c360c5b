/* multipart.h: a streaming reader of multipart/form-data (RFC 7578, RFC 2046), without sockets or
 * files: bytes in, events out; payload is not copied. Fuzzed (tests/fuzz).
 *
 * Names are taken as clients send them (sent_name.h); structure is strict, as what two readers
 * understand differently is refused: bare CR or LF in a part's head, folded lines, anything but
 * blanks and CRLF or "--" behind a boundary, repeated parameters, nested multipart, transfer
 * encodings, a body that ends early. Bounded: see below, and 8 KiB before the first and after the
 * last boundary, which are ignored. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum {
    MULTIPART_MAX_PARTS = 64,
    MULTIPART_MAX_PART_HEAD = 8 << 10,
    MULTIPART_MAX_IGNORED = 8 << 10, /* preamble and epilogue, each */
};

struct multipart;

enum multipart_event {
    MULTIPART_NEED_MORE, /* feed again */
    MULTIPART_PART,      /* a part begins: name, filename, content_type are set */
    MULTIPART_DATA,      /* a run of the part's bytes, valid until the next call */
    MULTIPART_PART_END,
    MULTIPART_END, /* the closing boundary; go on feeding until the body's end */
};

struct multipart_part {
    struct slice name, content_type; /* valid UTF-8; the name may be empty */
    struct slice filename;           /* last path segment only; empty when none was chosen */
    bool has_filename;               /* a file's part, also when the name is empty */
};

/* content_type: the request's header. NULL when it is not multipart/form-data with a valid
 * boundary. The slices of parts live in the arena. */
struct multipart *multipart_new(struct arena *arena, struct slice content_type);

/* bytes: borrowed until NEED_MORE. An empty slice is the end of the body. */
void multipart_feed(struct multipart *multipart, struct slice bytes);

/* ERR_BAD_REQUEST on anything malformed; after that only multipart_problem(). */
enum err multipart_next(struct multipart *multipart, enum multipart_event *event,
                        struct multipart_part *part, struct slice *data);

/* What is malformed, as a sentence for the sender. */
struct slice multipart_problem(const struct multipart *multipart);
