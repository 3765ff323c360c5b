#include "base/share.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct holder {
    struct table_entry entry;
    size_t held;
    char party[]; /* the entry's key */
};

void shares_init(struct shares *shares)
{
    table_init(&shares->holders);
}

void shares_fini(struct shares *shares)
{
    table_fini(&shares->holders);
}

static struct holder *find(const struct shares *shares, struct slice party)
{
    struct table_entry *entry = table_find(&shares->holders, party);

    return entry ? CONTAINER_OF(entry, struct holder, entry) : NULL;
}

static struct holder *add(struct shares *shares, struct slice party)
{
    struct holder *holder = mem_alloc(sizeof *holder + party.n);

    holder->held = 0;
    memcpy(holder->party, party.n ? party.p : "", party.n);
    table_add(&shares->holders, &holder->entry, (struct slice){holder->party, party.n});
    return holder;
}

bool share_take_many(struct shares *shares, struct slice party, size_t n, size_t most)
{
    struct holder *holder = find(shares, party);

    if (n > most || (holder && holder->held > most - n))
        return false;
    if (!holder)
        holder = add(shares, party);
    holder->held += n;
    return true;
}

bool share_take(struct shares *shares, struct slice party, size_t most)
{
    return share_take_many(shares, party, 1, most);
}

void share_give_back(struct shares *shares, struct slice party)
{
    share_give_back_many(shares, party, 1);
}

void share_give_back_many(struct shares *shares, struct slice party, size_t n)
{
    struct holder *holder = find(shares, party);

    assert(holder && holder->held >= n);
    holder->held -= n;
    if (holder->held)
        return;
    table_remove(&shares->holders, &holder->entry);
    mem_free(holder);
}

size_t share_held(const struct shares *shares, struct slice party)
{
    const struct holder *holder = find(shares, party);

    return holder ? holder->held : 0;
}
