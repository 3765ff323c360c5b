/* Any bytes as a request's target: the parameters of its query are bounded, and each one encodes to
 * what decodes to itself again. */
#include "fuzz.h"

#include "base/text.h"
#include "gateway/request.h"

#include <assert.h>
#include <string.h>

static void check(struct arena *arena, struct slice text)
{
    struct slice again;

    assert(!text.n || !memchr(text.p, '\0', text.n));
    assert(text_percent_decode(arena, text_percent_encode(arena, text), true, &again));
    assert(slice_eq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *arena = arena_new();
    struct request *req = ARENA_NEW(arena, struct request);

    req->task.arena = arena;
    req->head.target = (struct slice){(const char *)bytes, n};
    /* As the head's parser lets it through. */
    if (n > 0 && (bytes[0] == '/' || slice_starts_with(req->head.target, SLICE("http://a")))) {
        request_read_target(req);
        assert(req->query_count <= QUERY_PARAMS_MAX);
        for (size_t i = 0; i < req->query_count; i++) {
            check(arena, req->query_names[i]);
            check(arena, req->query_values[i]);
        }
        assert(req->path.n > 0);
    }
    arena_free(arena);
    return 0;
}
