#include "realtime/channel.h"

#include <assert.h>

static struct {
    struct channel rows[CHANNEL_COUNT_MAX];
    int n; /* 0: not filled in yet */
    int of_event[EVENT_COUNT_];
    int job_progress;
} channels;

static int find(struct slice name)
{
    for (int i = 0; i < channels.n; i++)
        if (slice_eq(channels.rows[i].name, name))
            return i;
    return CHANNEL_NONE;
}

static int add(struct channel channel)
{
    assert(channels.n < CHANNEL_COUNT_MAX);
    channels.rows[channels.n] = channel;
    return channels.n++;
}

static void fill_in(void)
{
    if (channels.n)
        return;
    channels.job_progress = add((struct channel){SLICE("job_progress"), CHANNEL_LATEST, false});
    for (unsigned i = 0; i < EVENT_COUNT_; i++) {
        const struct event_row *event = event_row((enum event_type)i);
        int at = event->realtime ? find(event->channel) : CHANNEL_NONE;

        if (event->realtime && at == CHANNEL_NONE)
            at = add((struct channel){event->channel, CHANNEL_GAP, true});
        channels.of_event[i] = at;
    }
}

int channel_find(struct slice name)
{
    fill_in();
    return find(name);
}

int channel_of_event(enum event_type type)
{
    fill_in();
    return channels.of_event[type];
}

int channel_job_progress(void)
{
    fill_in();
    return channels.job_progress;
}

const struct channel *channel_row(int channel)
{
    fill_in();
    assert(channel >= 0 && channel < channels.n);
    return &channels.rows[channel];
}

struct slice channel_names(struct arena *arena)
{
    struct slice names = SLICE("");

    fill_in();
    for (int i = 0; i < channels.n; i++)
        names = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(names), i ? ", " : "",
                             SLICE_ARG(channels.rows[i].name));
    return names;
}
