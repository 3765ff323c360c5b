#include "realtime/latest.h"

#include "base/memory.h"
#include "realtime/client.h"
#include "realtime/subscription.h"

#include <string.h>

struct latest {
    struct table_entry entry; /* key: media id and kind */
    struct latest *newer, *older;
    uint64_t sequence;
    struct message *message;
    struct slice media_id, owner;
    char names[];
};

void latest_init(struct latest_progress *all)
{
    *all = (struct latest_progress){0};
    table_init(&all->table);
}

static void unlink_one(struct latest_progress *all, struct latest *latest)
{
    *(latest->newer ? &latest->newer->older : &all->newest) = latest->older;
    *(latest->older ? &latest->older->newer : &all->oldest) = latest->newer;
}

static void link_newest(struct latest_progress *all, struct latest *latest)
{
    latest->newer = NULL;
    latest->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = latest;
    all->newest = latest;
}

static void drop(struct latest_progress *all, struct latest *latest)
{
    unlink_one(all, latest);
    table_remove(&all->table, &latest->entry);
    message_unref(latest->message);
    mem_free(latest);
}

void latest_fini(struct latest_progress *all)
{
    while (all->oldest)
        drop(all, all->oldest);
    table_fini(&all->table);
}

static char *put(char *at, struct slice text)
{
    if (text.n)
        memcpy(at, text.p, text.n);
    return at + text.n;
}

/* Finds or makes the entry; new ones are not linked yet. names: media id, kind, owner. */
static struct latest *open_entry(struct latest_progress *all, struct slice media_id,
                                 struct slice owner, struct slice kind)
{
    struct latest *latest = mem_alloc(sizeof *latest + media_id.n + kind.n + owner.n);
    char *at = latest->names;

    latest->media_id = (struct slice){at, media_id.n};
    at = put(put(at, media_id), kind);
    struct slice key = {latest->names, media_id.n + kind.n};
    latest->owner = (struct slice){at, owner.n};
    put(at, owner);

    struct table_entry *known = table_find(&all->table, key);
    if (!known) {
        table_add(&all->table, &latest->entry, key);
        return latest;
    }
    mem_free(latest);
    latest = CONTAINER_OF(known, struct latest, entry);
    unlink_one(all, latest);
    message_unref(latest->message);
    return latest;
}

void latest_note(struct latest_progress *all, struct slice media_id, struct slice owner,
                 struct slice kind, struct message *message)
{
    struct latest *latest = open_entry(all, media_id, owner, kind);

    latest->message = message;
    latest->sequence = ++all->sequence;
    link_newest(all, latest);
    if (all->table.n > LATEST_MAX)
        drop(all, all->oldest);
}

static bool wanted(const struct client *client, const struct latest *latest)
{
    if (!client_may_hear(client, latest->owner))
        return false;
    for (const struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (subscription_matches(s, CHANNEL_JOB_PROGRESS, latest->media_id))
            return true;
    return false;
}

void latest_resend(struct client *client, uint64_t since)
{
    const struct latest_progress *all = &client->hub->latest;

    for (const struct latest *p = all->newest; p && p->sequence > since; p = p->older)
        if (wanted(client, p))
            client_offer(client, p->message, CHANNEL_JOB_PROGRESS);
}
