/* Any bytes as conditions: the first byte says which two of the four fields they are, cut at the
 * first line end. Whatever is asked, a change that is let through was asked for by no other tag. */
#include "fuzz.h"

#include "gateway/http/precondition.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct validators now = {
        .etag = SLICE_INIT("\"e-1\""), .state_n = 3, .modified_ms = 1685440800000};
    struct slice fields[4] = {{0}};
    struct slice rest, first, second;

    if (n == 0)
        return 0;
    rest = (struct slice){(const char *)bytes + 1, n - 1};
    slice_split(rest, '\n', &first, &second);
    fields[bytes[0] % 4] = first;
    fields[bytes[0] / 4 % 4] = second;
    struct preconditions given = {fields[0], fields[1], fields[2], fields[3], bytes[0] & 16};
    enum precondition_verdict verdict = precondition_judge(&given, &now);
    size_t at;

    if (verdict == PRECONDITION_NOT_MODIFIED)
        assert(given.reads);
    if (given.if_match.p && verdict != PRECONDITION_FAILED)
        assert(slice_find(given.if_match, '*', &at) || slice_find(given.if_match, 'e', &at));
    return 0;
}
