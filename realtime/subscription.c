#include "realtime/subscription.h"

#include "base/memory.h"
#include "realtime/client.h"

#include <assert.h>
#include <string.h>

enum topic_kind { TOPIC_OWNER = 'o', TOPIC_EVERYBODY = 'e', TOPIC_RESOURCE = 'r' };
enum { KEY_HEAD = 2, KEY_MAX = KEY_HEAD + NAME_MAX_BYTES };

/* channel, kind, text: one key space for all. Empty when no client can have named this. */
static struct slice spell(char out[KEY_MAX], int channel, enum topic_kind kind, struct slice text)
{
    if (text.n > NAME_MAX_BYTES)
        return SLICE_NONE;
    out[0] = (char)channel;
    out[1] = (char)kind;
    if (text.n)
        memcpy(out + KEY_HEAD, text.p, text.n);
    return (struct slice){out, KEY_HEAD + text.n};
}

static struct slice key_for(const struct client *client, int channel, struct slice resource,
                            char out[KEY_MAX])
{
    if (resource.n)
        return spell(out, channel, TOPIC_RESOURCE, resource);
    if (client->admin)
        return spell(out, channel, TOPIC_EVERYBODY, SLICE_NONE);
    return spell(out, channel, TOPIC_OWNER, client->user->entry.key);
}

static struct topic *find_topic(const struct realtime *hub, struct slice key)
{
    struct table_entry *entry = table_find(&hub->topics, key);

    return entry ? CONTAINER_OF(entry, struct topic, entry) : NULL;
}

static struct topic *open_topic(struct realtime *hub, struct slice key)
{
    struct topic *topic = find_topic(hub, key);

    if (topic)
        return topic;
    assert(key.n); /* names are bounded where they are read */
    topic = mem_alloc(sizeof *topic + key.n);
    memcpy(topic->key, key.p, key.n);
    table_add(&hub->topics, &topic->entry, (struct slice){topic->key, key.n});
    return topic;
}

static void hang_on(struct subscription *subscription, struct topic *topic)
{
    subscription->topic = topic;
    subscription->next = topic->subscriptions;
    subscription->prev_next = &topic->subscriptions;
    if (subscription->next)
        subscription->next->prev_next = &subscription->next;
    topic->subscriptions = subscription;
    if (subscription->resource.n)
        subscription->resource = slice_from_offset(topic->entry.key, KEY_HEAD);
}

static void take_off(struct subscription *subscription)
{
    struct topic *topic = subscription->topic;

    *subscription->prev_next = subscription->next;
    if (subscription->next)
        subscription->next->prev_next = subscription->prev_next;
    if (topic->subscriptions)
        return;
    table_remove(&subscription->client->hub->topics, &topic->entry);
    mem_free(topic);
}

struct subscription *subscription_find(const struct client *client, int channel,
                                       struct slice resource)
{
    for (struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (s->channel == channel && slice_eq(s->resource, resource))
            return s;
    return NULL;
}

struct subscription *subscription_add(struct client *client, int channel, struct slice resource)
{
    struct realtime *hub = client->hub;
    struct subscription *subscription =
        mem_alloc(sizeof *subscription + hub->partitions * sizeof(uint64_t));
    char key[KEY_MAX];

    assert(resource.n <= NAME_MAX_BYTES);
    subscription->client = client;
    subscription->channel = channel;
    subscription->resource = resource;
    for (unsigned p = 0; p < hub->partitions; p++)
        subscription->from[p] = history_head(&hub->partition[p].history).offset;
    hang_on(subscription, open_topic(hub, key_for(client, channel, resource, key)));
    subscription->client_next = client->subscriptions;
    client->subscriptions = subscription;
    client->subscription_count++;
    hub->subscription_count++;
    return subscription;
}

void subscription_remove(struct subscription *subscription)
{
    struct client *client = subscription->client;
    struct subscription **link = &client->subscriptions;

    while (*link != subscription)
        link = &(*link)->client_next;
    *link = subscription->client_next;
    client->subscription_count--;
    client->hub->subscription_count--;
    take_off(subscription);
    mem_free(subscription);
}

void subscription_remove_all(struct client *client)
{
    while (client->subscriptions)
        subscription_remove(client->subscriptions);
}

void subscription_move_all(struct client *client)
{
    char key[KEY_MAX];

    for (struct subscription *s = client->subscriptions; s; s = s->client_next) {
        if (s->resource.n)
            continue;
        take_off(s);
        hang_on(s, open_topic(client->hub, key_for(client, s->channel, s->resource, key)));
    }
}

bool subscription_matches(const struct subscription *subscription, int channel,
                          struct slice resource)
{
    return subscription->channel == channel &&
           (!subscription->resource.n || slice_eq(subscription->resource, resource));
}

static void each_in(struct realtime *hub, struct slice key, struct slice owner,
                    void (*fn)(struct client *client, void *arg), void *arg)
{
    struct topic *topic = key.n ? find_topic(hub, key) : NULL;

    for (struct subscription *s = topic ? topic->subscriptions : NULL; s; s = s->next) {
        struct client *client = s->client;

        if (client->seen == hub->sequence || !client_may_hear(client, owner))
            continue;
        client->seen = hub->sequence;
        fn(client, arg);
    }
}

void subscriptions_each(struct realtime *hub, int channel, struct slice owner,
                        struct slice resource, void (*fn)(struct client *client, void *arg),
                        void *arg)
{
    char key[KEY_MAX];

    hub->sequence++;
    each_in(hub, spell(key, channel, TOPIC_OWNER, owner), owner, fn, arg);
    each_in(hub, spell(key, channel, TOPIC_EVERYBODY, SLICE_NONE), owner, fn, arg);
    if (resource.n)
        each_in(hub, spell(key, channel, TOPIC_RESOURCE, resource), owner, fn, arg);
}
