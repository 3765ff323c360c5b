/* decoding.h: one request to a decode child with its open descriptors, and its outcome: what the
 * decoders share, below the loop that serves them. Nothing here opens a file, and every byte of the
 * input is taken for hostile. */
#pragma once

#include "base/arena.h"
#include "wire/wire.h"

struct decoding {
    struct arena *arena;
    struct wire_decode request;
    int input;                /* seekable, at its beginning */
    const int *outputs;       /* one per request.outputs, empty files */
    uint64_t give_up_ms;      /* clock_ms() */
    struct wire_output *made; /* out: of request.outputs; or NULL */
    size_t made_count;
    struct wire_results results; /* out */
    enum wire_reason reason;     /* out, on failure */
    struct slice message;        /* for people */
    uint64_t needs_bytes; /* out, on failure: it may succeed with so much memory; 0: not so */
    bool elsewhere;       /* out, on failure: another of the programs has the libraries for it */
};

/* The original in memory, until decoding_unmap(); false when it cannot be mapped. */
bool decoding_map(const struct decoding *decoding, struct slice *file);
void decoding_unmap(struct slice file);

/* Notes why the decoding failed and returns false. */
bool decoding_fail(struct decoding *decoding, enum wire_reason reason, const char *message);

/* Notes that the decoder with more libraries than this one is to be asked; returns false. */
bool decoding_elsewhere(struct decoding *decoding);

/* Notes the size of the picture as it is shown, `turned` on its side or not. */
void decoding_take_size(struct decoding *decoding, uint64_t width, uint64_t height, bool turned);

/* Notes that output i is made. */
void decoding_made(struct decoding *decoding, size_t i);
