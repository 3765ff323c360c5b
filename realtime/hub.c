#include "realtime/hub.h"

#include <string.h>

void hub_unref(struct realtime *hub)
{
    if (--hub->refs == 0)
        hub->on_free(hub);
}

bool hub_started(struct realtime *hub)
{
    struct head head;

    for (unsigned p = 0; p < hub->partitions; p++) {
        struct history *history = &hub->partition[p].history;

        if (history->started)
            continue;
        if (!hub->hooks.head(hub->hooks.arg, p, &head))
            return false;
        history_start(history, &head);
    }
    return true;
}

static struct slice position_text(struct realtime *hub, struct arena *arena, unsigned changed,
                                  const struct head *head)
{
    struct position position = {hub->partitions, ARENA_ARRAY(arena, struct head, hub->partitions)};

    for (unsigned p = 0; p < hub->partitions; p++)
        position.heads[p] = head && p == changed ? *head : history_head(&hub->partition[p].history);
    return position_format(arena, &position);
}

struct slice hub_position(struct realtime *hub, struct arena *arena)
{
    return position_text(hub, arena, 0, NULL);
}

struct publication *hub_publication(struct realtime *hub, const struct event *event, uint64_t epoch)
{
    int channel = channel_of_event(event->type);
    struct head head = {.epoch = epoch, .offset = event->offset};

    if (channel == CHANNEL_NONE)
        return publication_new(event, channel, NULL);
    memcpy(head.hash, event->hash, sizeof head.hash);
    struct arena *arena = arena_new();
    struct slice position = position_text(hub, arena, event->partition, &head);
    struct message *message = message_event(event, channel_row(channel)->name, position);
    hub->count.encoded++;
    struct publication *publication = publication_new(event, channel, message);
    arena_free(arena);
    return publication;
}
