#include "realtime/progress.h"

#include "base/memory.h"
#include "realtime/client.h"
#include "realtime/subscription.h"

#include <string.h>

struct progress {
    struct table_entry entry; /* key: media id and kind */
    struct progress *newer, *older;
    uint64_t sequence;
    struct frame *frame;
    struct slice media_id, owner;
    char names[];
};

void progress_init(struct progress_list *list)
{
    *list = (struct progress_list){0};
    table_init(&list->table);
}

static void unlink_one(struct progress_list *list, struct progress *progress)
{
    *(progress->newer ? &progress->newer->older : &list->newest) = progress->older;
    *(progress->older ? &progress->older->newer : &list->oldest) = progress->newer;
}

static void link_newest(struct progress_list *list, struct progress *progress)
{
    progress->newer = NULL;
    progress->older = list->newest;
    *(list->newest ? &list->newest->newer : &list->oldest) = progress;
    list->newest = progress;
}

static void drop(struct progress_list *list, struct progress *progress)
{
    unlink_one(list, progress);
    table_remove(&list->table, &progress->entry);
    frame_unref(progress->frame);
    mem_free(progress);
}

void progress_fini(struct progress_list *list)
{
    while (list->oldest)
        drop(list, list->oldest);
    table_fini(&list->table);
}

static char *put(char *at, struct slice text)
{
    if (text.n)
        memcpy(at, text.p, text.n);
    return at + text.n;
}

/* Finds or makes the entry; new ones are not linked yet. names: media id, kind, owner. */
static struct progress *open_entry(struct progress_list *list, struct slice media_id,
                                   struct slice owner, struct slice kind)
{
    struct progress *progress = mem_alloc(sizeof *progress + media_id.n + kind.n + owner.n);
    char *at = progress->names;

    progress->media_id = (struct slice){at, media_id.n};
    at = put(put(at, media_id), kind);
    struct slice key = {progress->names, media_id.n + kind.n};
    progress->owner = (struct slice){at, owner.n};
    put(at, owner);

    struct table_entry *known = table_find(&list->table, key);
    if (!known) {
        table_add(&list->table, &progress->entry, key);
        return progress;
    }
    mem_free(progress);
    progress = CONTAINER_OF(known, struct progress, entry);
    unlink_one(list, progress);
    frame_unref(progress->frame);
    return progress;
}

void progress_note(struct progress_list *list, struct slice media_id, struct slice owner,
                   struct slice kind, struct frame *frame)
{
    struct progress *progress = open_entry(list, media_id, owner, kind);

    progress->frame = frame;
    progress->sequence = ++list->sequence;
    link_newest(list, progress);
    if (list->table.n > PROGRESS_MAX)
        drop(list, list->oldest);
}

static bool wanted(const struct client *client, const struct progress *progress)
{
    if (!client_may_hear(client, progress->owner))
        return false;
    for (const struct subscription *s = client->subscriptions; s; s = s->client_next)
        if (subscription_matches(s, CHANNEL_JOB_PROGRESS, progress->media_id))
            return true;
    return false;
}

void progress_resend(struct client *client, uint64_t since)
{
    const struct progress_list *list = &client->hub->progress;

    for (const struct progress *p = list->newest; p && p->sequence > since; p = p->older)
        if (wanted(client, p))
            client_offer(client, p->frame, CHANNEL_JOB_PROGRESS);
}
