#include "state/media_members.h"

#include "state/record.h"

static struct slice key_of_all(struct arena *arena, unsigned partition)
{
    return state_key(arena, partition, "media_all");
}

static struct slice key_of_owner(struct arena *arena, const struct media *media)
{
    return state_key(arena, media->partition, "media_of:%.*s", SLICE_ARG(media->owner));
}

void media_members_add(struct commit *commit, const struct media *media)
{
    struct arena *arena = commit_arena(commit);
    struct slice created = record_number(arena, media->created_ms);

    commit_write(commit, SLICE("ZADD"), key_of_all(arena, media->partition), created, media->id);
    commit_write(commit, SLICE("ZADD"), key_of_owner(arena, media), created, media->id);
}

void media_members_remove(struct commit *commit, const struct media *media)
{
    struct arena *arena = commit_arena(commit);

    commit_write(commit, SLICE("ZREM"), key_of_all(arena, media->partition), media->id);
    commit_write(commit, SLICE("ZREM"), key_of_owner(arena, media), media->id);
}

/* Ids with their scores, from the score `from` on, up to `to` and `limit`. */
static enum err read_range(struct task *task, struct state *state, unsigned partition,
                           uint64_t from, struct slice to, struct slice limit,
                           struct redis_value *out)
{
    return state_command(task, state->durable, out, SLICE("ZRANGEBYSCORE"),
                         key_of_all(task->arena, partition), record_number(task->arena, from), to,
                         SLICE("WITHSCORES"), SLICE("LIMIT"), SLICE("0"), limit);
}

static bool score_at(const struct redis_value *range, size_t i, uint64_t *score)
{
    return slice_to_u64(range->items[2 * i + 1].text, score);
}

/* A page ends with all of its last millisecond, so that the next one begins behind it. */
static enum err read_page(struct task *task, struct state *state, unsigned partition,
                          uint64_t *cursor, struct redis_value pages[2], size_t n[2])
{
    struct slice most = record_number(task->arena, MEDIA_SCAN_PAGE);
    enum err err = read_range(task, state, partition, *cursor, SLICE("+inf"), most, &pages[0]);
    uint64_t last, score;

    n[0] = n[1] = 0;
    *cursor = 0;
    if (err != OK)
        return err;
    n[0] = pages[0].n / 2;
    if (n[0] < MEDIA_SCAN_PAGE)
        return OK;
    if (!score_at(&pages[0], n[0] - 1, &last))
        return ERR_INTERNAL;
    while (n[0] > 0 && score_at(&pages[0], n[0] - 1, &score) && score == last)
        n[0]--;
    err = read_range(task, state, partition, last, record_number(task->arena, last), SLICE("-1"),
                     &pages[1]);
    n[1] = err == OK ? pages[1].n / 2 : 0;
    *cursor = last + 1;
    return err;
}

enum err media_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                    struct media **out, size_t *n)
{
    struct redis_value pages[2];
    size_t counts[2], at = 0;
    enum err err = read_page(task, state, partition, cursor, pages, counts);

    *n = 0;
    if (err != OK)
        return err;
    *out = ARENA_ARRAY(task->arena, struct media, counts[0] + counts[1]);
    for (size_t page = 0; page < 2; page++)
        for (size_t i = 0; i < counts[page]; i++)
            (*out)[at++] =
                (struct media){.partition = partition, .id = pages[page].items[2 * i].text};
    *n = at;
    return record_load_many(task, state, *out, n);
}

enum err media_count(struct task *task, struct state *state, unsigned partition, uint64_t *out)
{
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZCARD"),
                                 key_of_all(task->arena, partition));

    *out = err == OK ? (uint64_t)reply.number : 0;
    return err;
}

/* A tag may be anything, also what looks like a type; the members' own sets end with the owner. */
static bool is_old_set(struct slice key)
{
    struct slice tag, rest, name, owner, what;

    if (!slice_split(key, ':', &tag, &rest) || !slice_split(rest, ':', &name, &rest))
        return false;
    if (slice_eq(name, SLICE("media_of")) && !slice_split(rest, ':', &owner, &rest))
        return false;
    return (slice_eq(name, SLICE("media_of")) || slice_eq(name, SLICE("media_all"))) &&
           slice_split(rest, ':', &what, &rest) &&
           (slice_eq(what, SLICE("type")) || slice_eq(what, SLICE("tag"))) && rest.p;
}

enum err media_forget_old_sets(struct task *task, struct state *state)
{
    struct slice cursor = SLICE("0");

    do {
        struct task page = *task;
        struct redis_value reply;

        page.arena = arena_new();
        enum err err = state_command(&page, state->durable, &reply, SLICE("SCAN"), cursor,
                                     SLICE("MATCH"), SLICE("{p*}:media_*:t*:*"), SLICE("COUNT"),
                                     record_number(page.arena, MEDIA_SCAN_PAGE));
        for (size_t i = 0; err == OK && reply.n == 2 && i < reply.items[1].n; i++)
            if (is_old_set(reply.items[1].items[i].text))
                redis_post(state->durable, SLICE("UNLINK"), reply.items[1].items[i].text);
        cursor =
            err == OK && reply.n == 2 ? arena_dup(task->arena, reply.items[0].text) : SLICE("0");
        arena_free(page.arena);
        if (err != OK)
            return err;
    } while (!slice_eq(cursor, SLICE("0")));
    return OK;
}
