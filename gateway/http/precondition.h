/* precondition.h: do the conditions that came with a request hold (RFC 9110 section 13)? Pure:
 * header values in, a verdict out; a handler asks when it knows what it would do. Fuzzed
 * (tests/fuzz). */
#pragma once

#include "base/slice.h"

/* What a resource is now. */
struct validators {
    struct slice etag; /* strong, with its quotes; empty: it has none */
    /* So much of the tag's text names the resource's state, what follows one representation of it
     * (0: all is one). If-Match, which guards changes, asks for the state alone. */
    size_t state_n;
    uint64_t modified_ms; /* Unix; 0: not told */
};

/* Header values; p is NULL where a field was not sent. The two of tags are lists over all lines. */
struct preconditions {
    struct slice if_match, if_none_match, if_modified_since, if_unmodified_since;
    bool reads; /* GET or HEAD */
};

enum precondition_verdict {
    PRECONDITION_HOLDS,
    PRECONDITION_NOT_MODIFIED, /* answer 304 */
    PRECONDITION_FAILED,       /* answer 412 */
};

/* In the order of section 13.2.2; If-Range stands in range.h. Fields that are no HTTP-date are
 * ignored, as section 13.1 asks. */
enum precondition_verdict precondition_judge(const struct preconditions *given,
                                             const struct validators *now);
