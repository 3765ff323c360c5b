/* Any bytes as a backup: in whatever pieces they come, the verdict is that of the whole, and it is
 * what a look at both ends says. The first byte chooses the length of the pieces. */
#include "fuzz.h"

#include "gateway/surfaces/backup_repository/armour.h"

#include <assert.h>

static struct slice without_blanks(struct slice text)
{
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t' ||
                      text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\n'))
        text.n--;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct slice header = SLICE("-----BEGIN PGP MESSAGE-----"),
                       footer = SLICE("-----END PGP MESSAGE-----");
    struct armour armour;

    if (n == 0)
        return 0;
    struct slice text = {(const char *)bytes + 1, n - 1}, rest = text;
    size_t piece = 1 + bytes[0];

    armour_init(&armour);
    while (rest.n) {
        size_t taken = rest.n < piece ? rest.n : piece;

        armour_feed(&armour, (struct slice){rest.p, taken});
        rest = slice_from_offset(rest, taken);
    }
    assert(armour_begins(&armour) == slice_starts_with(text, header));
    struct slice beginning = {text.p, text.n < header.n ? text.n : header.n};
    assert(armour_refused(&armour) == !slice_starts_with(header, beginning));
    if (armour_begins(&armour)) {
        struct slice body = without_blanks(slice_from_offset(text, header.n));
        assert(armour_complete(&armour) == slice_ends_with(body, footer));
    } else {
        assert(!armour_complete(&armour));
    }
    return 0;
}
