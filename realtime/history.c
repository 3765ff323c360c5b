#include "realtime/history.h"

#include "base/memory.h"
#include "realtime/channel.h"

#include <assert.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

struct publication *publication_new(const struct event *event, int channel, struct message *message)
{
    size_t owner_n = event->owner.n, resource_n = event->resource.n;
    struct publication *publication = mem_alloc(sizeof *publication + owner_n + resource_n);
    char *at = publication->names;

    publication->offset = event->offset;
    memcpy(publication->hash, event->hash, sizeof publication->hash);
    publication->channel = channel;
    publication->message = message;
    if (owner_n)
        memcpy(at, event->owner.p, owner_n);
    if (resource_n)
        memcpy(at + owner_n, event->resource.p, resource_n);
    publication->owner = (struct slice){at, owner_n};
    publication->resource = (struct slice){at + owner_n, resource_n};
    return publication;
}

struct publication *publication_hole(uint64_t offset)
{
    const struct event nothing = {.offset = offset};

    return publication_new(&nothing, CHANNEL_NONE, NULL);
}

void publication_free(struct publication *publication)
{
    message_unref(publication->message);
    mem_free(publication);
}

void history_init(struct history *history, size_t max_events)
{
    assert(max_events > 0);
    *history = (struct history){.max = max_events};
}

static struct publication **place(const struct history *history, size_t i)
{
    return &history->ring[(history->first + i) & (history->size - 1)];
}

static void forget_all(struct history *history)
{
    for (size_t i = 0; i < history->n; i++)
        publication_free(*place(history, i));
    history->first = history->n = 0;
}

void history_fini(struct history *history)
{
    forget_all(history);
    mem_free(history->ring);
    history->ring = NULL;
}

void history_start(struct history *history, const struct head *head)
{
    forget_all(history);
    history->base = *head;
    history->started = true;
    history->generation++;
}

struct head history_head(const struct history *history)
{
    struct head head = history->base;

    if (history->n) {
        const struct publication *last = *place(history, history->n - 1);

        head.offset = last->offset;
        memcpy(head.hash, last->hash, sizeof head.hash);
    }
    return head;
}

const struct publication *history_at(const struct history *history, uint64_t offset)
{
    uint64_t at = offset - history->base.offset - 1;

    return at < history->n ? *place(history, (size_t)at) : NULL;
}

enum history_answer history_find(const struct history *history, const struct head *since)
{
    const char *hash = history->base.hash;

    if (since->epoch != history->base.epoch)
        return HISTORY_FORKED;
    if (since->offset < history->base.offset)
        return HISTORY_OLDER;
    if (since->offset > history->base.offset + history->n)
        return HISTORY_NEWER;
    if (since->offset > history->base.offset) {
        const struct publication *publication = history_at(history, since->offset);

        assert(publication); /* between base and end there are no gaps */
        hash = publication->hash;
    }
    if (!hash[0])
        return HISTORY_OLDER;
    return strcmp(hash, since->hash) == 0 ? HISTORY_HAS : HISTORY_FORKED;
}

/* Makes room for n more in all. */
static void grow(struct history *history, size_t n)
{
    size_t size = history->size ? history->size : FIRST_SIZE;

    while (size < history->n + n)
        size *= 2;
    if (size == history->size)
        return;
    struct publication **ring = mem_alloc(size * sizeof(struct publication *));
    for (size_t i = 0; i < history->n; i++)
        ring[i] = *place(history, i);
    mem_free(history->ring);
    history->ring = ring;
    history->size = size;
    history->first = 0;
}

static void drop_oldest(struct history *history)
{
    struct publication *oldest = *place(history, 0);

    history->base.offset = oldest->offset;
    memcpy(history->base.hash, oldest->hash, sizeof oldest->hash);
    history->first = (history->first + 1) & (history->size - 1);
    history->n--;
    publication_free(oldest);
}

void history_append(struct history *history, struct publication *publication)
{
    assert(publication->offset == history->base.offset + history->n + 1);
    if (history->n == history->max)
        drop_oldest(history);
    grow(history, 1);
    history->n++;
    *place(history, history->n - 1) = publication;
}

bool history_prepend(struct history *history, const struct head *base,
                     struct publication *const *publications, size_t n)
{
    if (n == 0 || n > history->max - history->n || base->epoch != history->base.epoch ||
        base->offset + n != history->base.offset)
        return false;
    if (history->base.hash[0] && strcmp(publications[n - 1]->hash, history->base.hash) != 0)
        return false;
    grow(history, n);
    history->first = (history->first + history->size - n) & (history->size - 1);
    history->n += n;
    for (size_t i = 0; i < n; i++)
        *place(history, i) = publications[i];
    history->base = *base;
    return true;
}
