#include "gateway/http/room.h"

#include "base/share.h"

#include <assert.h>

enum { SIZE_BYTES = 256 << 20 };

static struct {
    uint64_t size, taken;
    struct shares parties; /* zero is empty */
} room = {.size = SIZE_BYTES};

void room_set_size(uint64_t bytes)
{
    assert(room.taken == 0);
    room.size = bytes;
}

bool room_take(struct room_share *share, struct slice party, size_t bytes)
{
    uint64_t others = room.taken - share_held(&room.parties, party);
    uint64_t left = room.size - others;

    assert(share->bytes == 0);
    if (bytes == 0 || !share_take_many(&room.parties, party, bytes, left / 2))
        return false;
    room.taken += bytes;
    *share = (struct room_share){party, bytes};
    return true;
}

void room_give_back(struct room_share *share)
{
    if (share->bytes == 0)
        return;
    share_give_back_many(&room.parties, share->party, share->bytes);
    room.taken -= share->bytes;
    share->bytes = 0;
}
