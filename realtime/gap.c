#include "realtime/gap.h"

#include "realtime/latest.h"
#include "realtime/subscription.h"

static void send_gap(struct client *client, int channel, struct slice reason)
{
    struct arena *arena = arena_new();

    client_send(client,
                message_gap(channel_row(channel)->name, hub_position(client->hub, arena), reason));
    client->hub->count.gaps++;
    arena_free(arena);
}

void gap_send_all(struct client *client, struct slice reason)
{
    uint32_t told = 0;

    for (const struct subscription *s = client->subscriptions; s; s = s->client_next) {
        uint32_t bit = 1u << s->channel;

        if ((told & bit) || !channel_row(s->channel)->has_history)
            continue;
        told |= bit;
        send_gap(client, s->channel, reason);
    }
    client->lost &= ~told;
}

void gap_make_up(struct client *client)
{
    uint32_t lost = client->lost;

    client->lost = 0;
    for (int channel = 0; lost; channel++, lost >>= 1) {
        if (!(lost & 1))
            continue;
        if (channel_row(channel)->policy == CHANNEL_LATEST)
            latest_resend(client, client->latest_seen);
        else
            send_gap(client, channel, SLICE("slow_consumer"));
    }
}
