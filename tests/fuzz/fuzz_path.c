/* Any bytes as a path: what the router accepts stays below its root also when it is decoded, and a
 * route's parameters are what stands in the path. */
#include "fuzz.h"

#include "base/text.h"
#include "gateway/router.h"

#include <assert.h>
#include <string.h>

static void check_decoded(struct slice path)
{
    struct slice segment, rest = path;

    assert(path.n > 0 && path.p[0] == '/' && !memchr(path.p, '\0', path.n));
    while (slice_split(rest, '/', &segment, &rest))
        assert(!slice_eq(segment, SLICE(".")) && !slice_eq(segment, SLICE("..")));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice params[PATH_PARAMS_MAX] = {{0}}, decoded;
    struct arena *arena = arena_new();
    unsigned allowed;

    if (n > 0) {
        struct slice path = {(const char *)bytes + 1, n - 1};
        enum http_method method = bytes[0] % (METHOD_OTHER + 1);

        assert(router_surface(path));
        if (router_path_acceptable(path)) {
            assert(text_percent_decode(arena, path, false, &decoded));
            check_decoded(decoded);
            const struct route *route = router_find(method, path, arena, params, &allowed);
            assert(!route || allowed == 0);
            for (size_t i = 0; i < PATH_PARAMS_MAX; i++)
                assert(!params[i].n || !memchr(params[i].p, '\0', params[i].n));
        }
    }
    arena_free(arena);
    return 0;
}
