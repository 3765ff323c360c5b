/* decode.h: what a decode child does with its request. There are three programs for it, each with
 * the libraries of its kind of file alone, because every one that a template has loaded is copied
 * for each child: mediahub-decode knows JPEG (decode/photo.h), mediahub-decode-pictures all
 * pictures (pictures/), mediahub-decode-films what moves or sounds (films/). */
#pragma once

#include "decode/decoding.h"

/* What one of them can do. */
struct decode_skill {
    void (*load)(void); /* what its libraries need before the sandbox closes; or NULL */
    /* Fills in the results and writes the outputs; false after decoding_fail(), or with
     * decoding->elsewhere where it takes another's libraries. */
    bool (*run)(struct decoding *decoding);
};

/* The exit status of a child that a library ended for want of memory. */
enum { DECODE_NO_MEMORY = 3 };

/* `decoded`, `undecodable`, `needs` or `elsewhere`; its texts live in the decoding's arena. */
struct wire_message decode_run(const struct decode_skill *skill, struct decoding *decoding);
