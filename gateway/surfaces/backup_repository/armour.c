#include "gateway/surfaces/backup_repository/armour.h"

static const char header[] = "-----BEGIN PGP MESSAGE-----";
static const char footer[] = "-----END PGP MESSAGE-----";

enum { HEADER_BYTES = sizeof header - 1, FOOTER_BYTES = sizeof footer - 1 };

/* Where the footer's first n bytes end in its own beginning, that beginning's length: how much is
 * left of a match when the byte after n does not fit. Only dashes repeat. */
static const uint8_t left_of[FOOTER_BYTES + 1] = {
    [2] = 1,
    [3] = 2,
    [4] = 3,
    [5] = 4,
    [FOOTER_BYTES - 4] = 1,
    [FOOTER_BYTES - 3] = 2,
    [FOOTER_BYTES - 2] = 3,
    [FOOTER_BYTES - 1] = 4,
    [FOOTER_BYTES] = 5,
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Gives what follows the header in these bytes. */
static struct slice feed_header(struct armour *armour, struct slice bytes)
{
    size_t n = 0;

    while (n < bytes.n && armour->header < HEADER_BYTES && !armour->refused) {
        armour->refused = bytes.p[n++] != header[armour->header];
        armour->header += !armour->refused;
    }
    return slice_from_offset(bytes, n);
}

static void feed_footer(struct armour *armour, char c)
{
    size_t n = armour->footer;

    while (n == FOOTER_BYTES || (n > 0 && c != footer[n]))
        n = left_of[n];
    armour->footer = (uint8_t)(n + (c == footer[n]));
    if (!is_blank(c))
        armour->complete = armour->footer == FOOTER_BYTES;
}

/* Of a long piece only the end counts: as many bytes as the footer has, up to the last one that is
 * not blank, and the blanks after it. Gives its offset. */
static size_t start_of_tail(struct slice bytes)
{
    size_t end = bytes.n;

    while (end > 0 && is_blank(bytes.p[end - 1]))
        end--;
    return end > FOOTER_BYTES ? end - FOOTER_BYTES : 0;
}

void armour_init(struct armour *armour)
{
    *armour = (struct armour){0};
}

void armour_feed(struct armour *armour, struct slice bytes)
{
    struct slice rest = feed_header(armour, bytes);

    if (!armour_begins(armour))
        return;
    size_t start = start_of_tail(rest);
    if (start > 0)
        armour->footer = 0;
    for (size_t i = start; i < rest.n; i++)
        feed_footer(armour, rest.p[i]);
}

bool armour_begins(const struct armour *armour)
{
    return armour->header == HEADER_BYTES;
}

bool armour_refused(const struct armour *armour)
{
    return armour->refused;
}

bool armour_complete(const struct armour *armour)
{
    return armour->complete;
}
