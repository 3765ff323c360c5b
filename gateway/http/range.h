/* range.h: which part of content a GET asks for (RFC 9110 section 14), and If-Range (13.1.5). Pure:
 * header values in, decisions out. Fuzzed (tests/fuzz). */
#pragma once

#include "base/slice.h"

enum range_kind {
    RANGE_WHOLE,         /* none was asked for, or what was asked may be ignored: answer 200 */
    RANGE_PART,          /* answer 206 */
    RANGE_UNSATISFIABLE, /* answer 416 with the size */
};

struct range {
    uint64_t offset, length; /* inside the content also for RANGE_WHOLE */
};

/* header: the Range field, or empty. One range at a time: several, malformed ones and other units
 * are ignored, as the standard allows. */
enum range_kind range_resolve(struct slice header, uint64_t size, struct range *out);

/* Does If-Range (empty: not sent) let the Range stand? etag: ours, strong, with its quotes.
 * modified: our Last-Modified; only the identical date counts. */
bool range_condition_holds(struct slice if_range, struct slice etag, struct slice modified);
