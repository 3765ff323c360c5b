#include "state/media_index.h"

struct slice media_index_key(struct arena *arena, unsigned partition, struct slice owner,
                             const char *what, struct slice value)
{
    const char *mark = *what ? ":" : "";

    if (owner.n)
        return state_key(arena, partition, "media_of:%.*s%s%s%s%.*s", SLICE_ARG(owner), mark, what,
                         mark, SLICE_ARG(value));
    return state_key(arena, partition, "media_all%s%s%s%.*s", mark, what, mark, SLICE_ARG(value));
}

static void change_index(struct commit *commit, const struct media *media, bool add,
                         struct slice key)
{
    if (add)
        commit_write(commit, SLICE("ZADD"), key,
                     record_number(commit_arena(commit), media->created_ms), media->id);
    else
        commit_write(commit, SLICE("ZREM"), key, media->id);
}

static void change_indexes(struct commit *commit, const struct media *media, bool add)
{
    struct slice owners[] = {media->owner, SLICE_NONE};
    struct arena *arena = commit_arena(commit);
    unsigned partition = media->partition;

    for (size_t i = 0; i < 2; i++) {
        change_index(commit, media, add,
                     media_index_key(arena, partition, owners[i], "", SLICE_NONE));
        change_index(
            commit, media, add,
            media_index_key(arena, partition, owners[i], "type", media_type_name(media->type)));
        for (size_t tag = 0; tag < media->tag_count; tag++)
            change_index(commit, media, add,
                         media_index_key(arena, partition, owners[i], "tag", media->tags[tag]));
    }
}

void media_index_add(struct commit *commit, const struct media *media)
{
    change_indexes(commit, media, true);
}

void media_index_remove(struct commit *commit, const struct media *media)
{
    change_indexes(commit, media, false);
}
