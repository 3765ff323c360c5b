/* share.h: who holds how many of a scarce thing (connections, uploads), so that nobody takes all of
 * them. A party is a text: a user's id, an address's prefix. Pure; memory only for parties that
 * hold something. */
#pragma once

#include "base/table.h"

struct shares {
    struct table holders;
};

void shares_init(struct shares *shares);
void shares_fini(struct shares *shares); /* when everything has been given back */

/* One more, or n (not 0) more, for this party. False: it would hold more than `most`, nothing is
 * taken. */
bool share_take(struct shares *shares, struct slice party, size_t most);
bool share_take_many(struct shares *shares, struct slice party, size_t n, size_t most);
void share_give_back(struct shares *shares, struct slice party); /* of what was taken */
void share_give_back_many(struct shares *shares, struct slice party, size_t n);
size_t share_held(const struct shares *shares, struct slice party);
