/* subscription.h: who wants to hear of what. A subscription hangs on one topic, and an event looks
 * up three by exact key: all of its owner's, everybody's (admins), and its resource. Whether the
 * client may hear of it is asked again at each delivery. */
#pragma once

#include "realtime/hub.h"

struct subscription {
    struct subscription *next, **prev_next; /* in the topic */
    struct subscription *client_next;
    struct topic *topic;
    struct client *client;
    int channel;
    struct slice resource; /* empty: all; lives in the topic's key otherwise */
    uint64_t from[];       /* per partition: later events have been or will be delivered */
};

struct subscription *subscription_find(const struct client *client, int channel,
                                       struct slice resource); /* or NULL */
/* Hears of everything from now on. There must be none for this channel and resource. */
struct subscription *subscription_add(struct client *client, int channel, struct slice resource);
void subscription_remove(struct subscription *subscription);
void subscription_remove_all(struct client *client);
/* After client->admin has changed: what "all" means is another topic. */
void subscription_move_all(struct client *client);

bool subscription_matches(const struct subscription *subscription, int channel,
                          struct slice resource);

/* Calls fn once for each client that may hear of this and has a subscription that matches. fn must
 * not change subscriptions. */
void subscriptions_each(struct realtime *hub, int channel, struct slice owner,
                        struct slice resource, void (*fn)(struct client *client, void *arg),
                        void *arg);
