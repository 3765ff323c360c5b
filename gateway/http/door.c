#include "gateway/http/door.h"

#include "base/memory.h"
#include "base/share.h"

#include <assert.h>

enum {
    RESERVE_LEAST = 64, /* files of uploads and downloads, Redis, nng, the loop's own */
    RESERVE_MOST = 2048,
    RESERVE_PART = 4,
    KEPT_FOR_OTHERS_PART = 8,
    STRANGER_PART = 16,
    STRANGER_LEAST = 64,
    STRANGER_MOST = 1024,
};

struct door {
    struct door_settings settings;
    struct shares shares;
    size_t all, inside;
};

static size_t clamp(size_t n, size_t least, size_t most)
{
    return n < least ? least : n > most ? most : n;
}

struct door *door_new(const struct door_settings *settings, size_t descriptors)
{
    struct door *door = MEM_NEW(struct door);
    size_t reserve = clamp(descriptors / RESERVE_PART, RESERVE_LEAST, RESERVE_MOST);

    door->settings = *settings;
    door->all = descriptors > 2 * reserve ? descriptors - reserve : reserve;
    shares_init(&door->shares);
    return door;
}

void door_free(struct door *door)
{
    assert(door->inside == 0);
    shares_fini(&door->shares);
    mem_free(door);
}

bool door_is_full(const struct door *door)
{
    return door->inside >= door->all;
}

static bool is_proxy(const struct door *door, const struct address *who)
{
    for (size_t i = 0; i < door->settings.proxy_count; i++)
        if (cidr_contains(&door->settings.proxies[i], who))
            return true;
    return false;
}

static size_t share_of(const struct door *door, const struct address *who)
{
    size_t most = door->all - door->all / KEPT_FOR_OTHERS_PART;

    if (is_proxy(door, who))
        return most;
    if (door->settings.per_address)
        return door->settings.per_address < most ? door->settings.per_address : most;
    if (address_is_loopback(who))
        return most;
    size_t share = clamp(door->all / STRANGER_PART, STRANGER_LEAST, STRANGER_MOST);
    return share < most ? share : most;
}

static struct slice party_of(const struct address *prefix)
{
    return (struct slice){(const char *)prefix->bytes, sizeof prefix->bytes};
}

bool door_enter(struct door *door, const struct address *who)
{
    struct address prefix = address_prefix(who);

    if (!share_take(&door->shares, party_of(&prefix), share_of(door, who)))
        return false;
    door->inside++;
    return true;
}

void door_leave(struct door *door, const struct address *who)
{
    struct address prefix = address_prefix(who);

    share_give_back(&door->shares, party_of(&prefix));
    door->inside--;
}
