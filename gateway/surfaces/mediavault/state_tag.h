/* state_tag.h: ETags of records. A tag names the record's state, and after the dash what is shown
 * of it: links end, and not all see everything. */
#pragma once

#include "gateway/http/precondition.h"
#include "gateway/request.h"

/* json: what is shown. */
struct validators state_tag(struct arena *arena, uint64_t rev, struct slice json);

/* Of a change: If-Match, and If-Unmodified-Since against the time that the record tells. OK or
 * ERR_PRECONDITION_FAILED. */
enum err state_tag_permits(const struct request *req, uint64_t rev, uint64_t updated_ms);
