/* tus.h: what the headers of a resumable upload say (tus 1.0.0, protocol.md), parsed once. Pure:
 * heads in, structs out, in the arena. What is wrong is told as a header's name and a sentence. */
#pragma once

#include "base/crypto.h"
#include "gateway/http/http1.h"
#include "gateway/reply.h"
#include "records.h"

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS                                                                             \
    "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,expiration,"    \
    "termination,concatenation,concatenation-unfinished"
#define TUS_CHECKSUMS "sha1,sha256,sha512,md5"
#define TUS_CONTENT_TYPE "application/offset+octet-stream"

enum { TUS_PIECES_MAX = 256, TUS_PAIRS_MAX = 32 };

struct tus_creation {
    enum upload_part part;
    bool deferred;
    uint64_t length;               /* of neither deferred ones nor finals */
    struct slice metadata, concat; /* as sent */
    struct slice *pieces;          /* ids that a final names; may repeat */
    size_t piece_count;
};
/* ERR_VALIDATION with *problem. */
enum err tus_creation_parse(struct arena *arena, const struct http_head *head,
                            struct tus_creation *out, struct field_error *problem);

struct tus_pair {
    struct slice key, value; /* value: decoded, any bytes */
};
/* False: not "key base64,key", a key twice, or too many. */
bool tus_metadata_parse(struct arena *arena, struct slice metadata,
                        struct tus_pair pairs[TUS_PAIRS_MAX], size_t *n);

/* A header that is a number of bytes. *given: it is there. ERR_VALIDATION with *problem. */
enum err tus_bytes_parse(const struct http_head *head, const char *name, bool *given, uint64_t *out,
                         struct field_error *problem);

struct tus_checksum {
    struct digest *digest; /* the caller frees it; NULL: there is no checksum */
    struct slice expected;
};
/* ERR_VALIDATION with *problem, also for an algorithm that is not known. */
enum err tus_checksum_parse(struct arena *arena, struct slice value, struct tus_checksum *out,
                            struct field_error *problem);
/* Ends the digest. */
bool tus_checksum_matches(struct tus_checksum *checksum);
