#include "realtime/channel.h"

#include <assert.h>

static const struct channel_row rows[] = {
#define CHANNEL(name, text, clients, has_history, slow, sees)                                      \
    {SLICE_INIT(text), CHANNEL_##slow, clients, has_history},
#include "channels.def"
#undef CHANNEL
};

int channel_find(struct slice name)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (rows[i].clients && slice_eq(rows[i].name, name))
            return i;
    return CHANNEL_NONE;
}

int channel_of_event(enum event_type type)
{
    const struct event_row *event = event_row(type);

    return event->realtime ? (int)event->channel : CHANNEL_NONE;
}

const struct channel_row *channel_row(int channel)
{
    assert(channel >= 0 && channel < CHANNEL_COUNT);
    return &rows[channel];
}

struct slice channel_names(struct arena *arena)
{
    struct slice names = SLICE("");

    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (rows[i].clients)
            names = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(names), names.n ? ", " : "",
                                 SLICE_ARG(rows[i].name));
    return names;
}
