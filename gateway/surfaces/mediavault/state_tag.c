#include "gateway/surfaces/mediavault/state_tag.h"

#include "base/crypto.h"
#include "gateway/conditions.h"

#include <inttypes.h>

enum { SHOWN_DIGITS = 16 };

struct validators state_tag(struct arena *arena, uint64_t rev, struct slice json)
{
    struct slice shown = json.n ? sha256_hex(arena, json) : SLICE(""), state;

    shown.n = shown.n < SHOWN_DIGITS ? shown.n : SHOWN_DIGITS;
    state = arena_printf(arena, "\"%" PRIu64 "-", rev);
    return (struct validators){
        .etag = arena_printf(arena, "%.*s%.*s\"", SLICE_ARG(state), SLICE_ARG(shown)),
        .state_n = state.n,
    };
}

enum err state_tag_permits(const struct request *req, uint64_t rev, uint64_t updated_ms)
{
    struct validators now = state_tag(req->task.arena, rev, SLICE_NONE);

    now.modified_ms = updated_ms;
    return conditions_of_change(req, &now);
}
