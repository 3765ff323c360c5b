/* armour.h: does a stream look like an armoured OpenPGP message (RFC 9580 section 6.2)? It has to
 * begin with the header line's text and to end with the footer line's, with nothing but blank space
 * after that. What stands between is not looked at: whether it decrypts, only the owner can tell.
 * Pure and incremental, in constant memory. */
#pragma once

#include "base/slice.h"

struct armour {
    uint8_t header; /* bytes of the header seen */
    uint8_t footer; /* bytes of the footer that what has come ends with */
    bool refused;
    bool complete;
};

void armour_init(struct armour *armour);
void armour_feed(struct armour *armour, struct slice bytes); /* any piece, empty ones as well */

bool armour_begins(const struct armour *armour);   /* false also while too few bytes have come */
bool armour_refused(const struct armour *armour);  /* it begins with something else */
bool armour_complete(const struct armour *armour); /* if the stream ends here */
