/* Any bytes as Range or If-Range. The first byte chooses the size of the content:
 * whatever is asked, the bytes answered lie inside it. */
#include "fuzz.h"

#include "gateway/http/range.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct slice etag = SLICE_INIT("\"e\"");
    struct range range;

    if (n == 0)
        return 0;
    struct slice header = {(const char *)bytes + 1, n - 1};
    uint64_t size = bytes[0] == 255 ? UINT64_MAX : bytes[0];
    enum range_kind kind = range_resolve(header, size, &range);

    if (kind == RANGE_PART)
        assert(range.length > 0 && range.offset < size && range.length <= size - range.offset);
    if (kind == RANGE_WHOLE)
        assert(range.offset == 0 && range.length == size);
    if (range_condition_holds(header, etag, SLICE_NONE))
        assert(header.n == 0 || slice_eq(header, etag));
    return 0;
}
