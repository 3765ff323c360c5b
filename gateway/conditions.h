/* conditions.h: a request's preconditions against what its resource is now, and the header fields
 * that tell it. Asked when everything else is settled: what would fail anyway fails for that reason
 * (RFC 9110 section 13.2.1). */
#pragma once

#include "gateway/http/precondition.h"
#include "gateway/request.h"

/* OK or ERR_PRECONDITION_FAILED, for a change: on the record that it is about to replace, whenever
 * it has been loaded (again). */
enum err conditions_of_change(const struct request *req, const struct validators *now);

/* On true the answer to come carries ETag, Last-Modified and Cache-Control (`caching`; may be
 * empty); on false 304 or 412 is sent. */
bool conditions_hold_or_reply(struct request *req, const struct validators *now,
                              struct slice caching);
