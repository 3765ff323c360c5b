#include "realtime/stream.h"

#include "realtime/channel.h"
#include "realtime/client_close.h"
#include "realtime/command.h"
#include "realtime/gap.h"
#include "realtime/recovery.h"
#include "realtime/subscription.h"

static enum err check_one(struct task *task, struct realtime *hub,
                          const struct principal *principal, const struct command *place)
{
    if (channel_find(place->channel) == CHANNEL_NONE)
        return ERR_VALIDATION;
    if (!place->resource_id.n)
        return OK;
    return hub->hooks.may_see(hub->hooks.arg, task, principal, place->channel, place->resource_id);
}

enum err stream_check(struct task *task, struct realtime *hub, const struct principal *principal,
                      const struct command *places, size_t n, struct slice *detail)
{
    enum err err = n > hub->limits.subscriptions ? ERR_RATE_LIMITED : OK;

    for (size_t i = 0; i < n && err == OK; i++)
        err = check_one(task, hub, principal, &places[i]);
    *detail = command_why_not(task->arena, err);
    return err;
}

static void subscribe(struct task *task, struct client *client, const struct command *place,
                      const struct position *reached)
{
    int channel = channel_find(place->channel);
    bool has_history = channel_row(channel)->has_history;
    struct slice position = !has_history ? SLICE_NONE
                            : reached    ? position_format(task->arena, reached)
                                         : hub_position(client->hub, task->arena);

    if (subscription_find(client, channel, place->resource_id))
        return;
    subscription_add(client, channel, place->resource_id);
    client_send(client, message_subscribed(place, position,
                                           !place->has_since        ? RECOVERED_NOT_ASKED
                                           : reached && has_history ? RECOVERED_YES
                                                                    : RECOVERED_NO));
}

void stream_begin(struct task *task, struct client *client, const struct command *places, size_t n)
{
    struct counters *count = &client->hub->count;
    bool asked = places[0].has_since;
    struct position since;

    if (!command_await_start(task, client)) {
        client_close(client, CLOSE_UNAVAILABLE, SLICE_NONE);
        return;
    }
    bool reached = asked &&
                   position_parse(task->arena, places[0].since, client->hub->partitions, &since) &&
                   recovery_reach(task, client, &since);
    if (client_over(client))
        return;
    for (size_t i = 0; i < n; i++)
        subscribe(task, client, &places[i], reached ? &since : NULL);
    if (asked)
        *(reached ? &count->recovered : &count->not_recovered) += 1;
    if (reached)
        recovery_replay(task, client, NULL, &since);
    else if (asked)
        gap_send_all(client, SLICE("history_gone"));
}
