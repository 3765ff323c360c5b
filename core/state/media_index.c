#include "state/media_index.h"

#include "base/fold.h"
#include "state/id.h"
#include "state/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 500,
    LOOK = 100, /* records between which others have their turn */
};

/* -- Keys ------------------------------------------------------------------------------------- */

/* owner empty: everybody's. what "": all of them, else "type" or "tag" and its value. */
static struct slice index_key(struct arena *arena, unsigned partition, struct slice owner,
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
        change_index(commit, media, add, index_key(arena, partition, owners[i], "", SLICE_NONE));
        change_index(commit, media, add,
                     index_key(arena, partition, owners[i], "type", media_type_name(media->type)));
        for (size_t tag = 0; tag < media->tag_count; tag++)
            change_index(commit, media, add,
                         index_key(arena, partition, owners[i], "tag", media->tags[tag]));
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

/* -- Candidates ------------------------------------------------------------------------------- */

struct candidate {
    struct slice id;
    unsigned partition;
    uint64_t created_ms;
    int64_t number;     /* size or time, when sorted by it */
    struct slice title; /* folded, when sorted by it */
};

struct list {
    struct task *task;
    struct state *state;
    struct media_filter filter;
    unsigned first_partition, partitions; /* where to look */
    struct candidate *items;
    size_t n, size;
};

static void append(struct list *list, struct candidate candidate)
{
    if (list->n == list->size) {
        size_t size = list->size ? 2 * list->size : CHUNK;
        struct candidate *grown = ARENA_ARRAY(list->task->arena, struct candidate, size);

        if (list->n)
            memcpy(grown, list->items, list->n * sizeof *grown);
        list->items = grown;
        list->size = size;
    }
    list->items[list->n++] = candidate;
}

/* The smallest index that has all that are looked for. */
static struct slice narrowest_index(const struct list *list, unsigned partition)
{
    const struct media_filter *filter = &list->filter;
    struct arena *arena = list->task->arena;

    if (filter->tag.n)
        return index_key(arena, partition, filter->owner, "tag", filter->tag);
    if (filter->by_type)
        return index_key(arena, partition, filter->owner, "type", media_type_name(filter->type));
    return index_key(arena, partition, filter->owner, "", SLICE_NONE);
}

/* Appends places [from, to) of one partition's index, in the order of creation asked for. */
static enum err gather(struct list *list, unsigned partition, bool ascending, uint64_t from,
                       uint64_t to)
{
    struct arena *arena = list->task->arena;
    struct slice key = narrowest_index(list, partition);

    while (from < to) {
        uint64_t until = to - from > CHUNK ? from + CHUNK : to;
        struct redis_value reply;
        enum err err = state_command(list->task, list->state->durable, &reply,
                                     ascending ? SLICE("ZRANGE") : SLICE("ZREVRANGE"), key,
                                     record_number(arena, from), record_number(arena, until - 1),
                                     SLICE("WITHSCORES"));

        if (err != OK)
            return err;
        for (size_t i = 0; i + 1 < reply.n; i += 2) {
            struct candidate candidate = {.id = reply.items[i].text, .partition = partition};

            if (slice_to_u64(reply.items[i + 1].text, &candidate.created_ms))
                append(list, candidate);
        }
        if (reply.n < 2 * (until - from))
            break;
        from = until;
    }
    return OK;
}

static enum err count(struct list *list, uint64_t *total)
{
    *total = 0;
    for (unsigned i = 0; i < list->partitions; i++) {
        struct redis_value reply;
        enum err err = state_command(list->task, list->state->durable, &reply, SLICE("ZCARD"),
                                     narrowest_index(list, list->first_partition + i));

        if (err != OK)
            return err;
        *total += (uint64_t)reply.number;
    }
    return OK;
}

/* -- Order ------------------------------------------------------------------------------------ */

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *left, const void *right, void *arg)
{
    const struct candidate *a = left, *b = right;
    const struct media_filter *filter = arg;
    int order = compare_numbers(a->number, b->number);

    if (!order && filter->sort == MEDIA_SORT_TITLE)
        order = slice_compare(a->title, b->title);
    if (!order)
        order = compare_numbers((int64_t)a->created_ms, (int64_t)b->created_ms);
    if (!order)
        order = slice_compare(a->id, b->id);
    return filter->ascending ? order : -order;
}

static void sort(struct list *list, struct media_filter *order)
{
    if (list->n)
        qsort_r(list->items, list->n, sizeof *list->items, compare, order);
}

/* -- Looking at records ----------------------------------------------------------------------- */

enum field { F_TYPE, F_TITLE, F_DESCRIPTION, F_FILENAME, F_SIZE, F_TAKEN, FIELDS };

static const struct slice field_names[FIELDS] = {
    SLICE_INIT("type"),     SLICE_INIT("title"), SLICE_INIT("description"),
    SLICE_INIT("filename"), SLICE_INIT("size"),  SLICE_INIT("taken"),
};

static bool contains(struct arena *arena, struct slice text, struct slice folded_needle)
{
    struct slice folded = text_fold(arena, text);

    return folded.n && memmem(folded.p, folded.n, folded_needle.p, folded_needle.n) != NULL;
}

static bool matches(struct arena *arena, const struct media_filter *filter,
                    const struct redis_value *fields)
{
    if (fields->n != FIELDS || !fields->items[F_TYPE].text.n)
        return false; /* deleted since the index was read */
    if (filter->by_type && !slice_eq(fields->items[F_TYPE].text, media_type_name(filter->type)))
        return false;
    if (!filter->text.n)
        return true;
    return contains(arena, fields->items[F_TITLE].text, filter->text) ||
           contains(arena, fields->items[F_DESCRIPTION].text, filter->text) ||
           contains(arena, fields->items[F_FILENAME].text, filter->text);
}

static void take_sort_key(struct arena *arena, const struct media_filter *filter,
                          const struct redis_value *fields, struct candidate *candidate)
{
    int64_t number = 0;

    if (filter->sort == MEDIA_SORT_TITLE) {
        candidate->title = text_fold(arena, fields->items[F_TITLE].text);
    } else if (filter->sort == MEDIA_SORT_SIZE) {
        slice_to_i64(fields->items[F_SIZE].text, &number);
        candidate->number = number;
    } else if (filter->sort == MEDIA_SORT_TAKEN) {
        slice_to_i64(fields->items[F_TAKEN].text, &number);
        candidate->number = number ? number : (int64_t)candidate->created_ms;
    }
}

/* Looks at items [from, from + n) and moves those that match to *kept. The records' texts go with
 * the chunk's arena; only what the order needs is copied. */
static enum err look_at(struct list *list, size_t from, size_t n, size_t *kept)
{
    struct task chunk = *list->task;
    struct slice argv[2 + FIELDS] = {SLICE("HMGET")};
    enum err err;

    assert(n <= LOOK);
    chunk.arena = arena_new();
    struct redis_call **calls = ARENA_ARRAY(chunk.arena, struct redis_call *, n);
    struct redis_value *replies = ARENA_ARRAY(chunk.arena, struct redis_value, n);
    memcpy(argv + 2, field_names, sizeof field_names);
    for (size_t i = 0; i < n; i++) {
        struct media media = {.partition = list->items[from + i].partition,
                              .id = list->items[from + i].id};

        argv[1] = record_key(chunk.arena, &media);
        calls[i] = redis_send(list->state->durable, argv, 2 + FIELDS);
    }
    err = redis_await_all(&chunk, calls, n, replies);
    for (size_t i = 0; i < n && err == OK; i++) {
        struct candidate item = list->items[from + i];

        err = state_fault(&replies[i]);
        if (err != OK || !matches(chunk.arena, &list->filter, &replies[i]))
            continue;
        take_sort_key(list->task->arena, &list->filter, &replies[i], &item);
        list->items[(*kept)++] = item;
    }
    arena_free(chunk.arena);
    return err;
}

static enum err scan(struct list *list)
{
    size_t kept = 0;

    for (unsigned i = 0; i < list->partitions; i++) {
        enum err err = gather(list, list->first_partition + i, false, 0, MEDIA_SCAN_MAX);

        if (err != OK)
            return err;
    }
    if (list->partitions > 1) {
        struct media_filter newest_first = {.ascending = false};

        sort(list, &newest_first);
        if (list->n > MEDIA_SCAN_MAX)
            list->n = MEDIA_SCAN_MAX;
    }
    for (size_t from = 0; from < list->n; from += LOOK) {
        enum err err = look_at(list, from, list->n - from < LOOK ? list->n - from : LOOK, &kept);

        if (err != OK)
            return err;
    }
    list->n = kept;
    return OK;
}

/* -- The page --------------------------------------------------------------------------------- */

/* Those that were deleted since the index was read are missing: the page is shorter. */
static enum err load_page(struct list *list, const struct candidate *items, size_t n,
                          struct media **out, size_t *out_n)
{
    *out = ARENA_ARRAY(list->task->arena, struct media, n);
    *out_n = n;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (struct media){.partition = items[i].partition, .id = items[i].id};
    return record_load_many(list->task, list->state, *out, out_n);
}

static void cut(struct list *list, uint64_t skip, uint64_t limit)
{
    size_t from = skip < list->n ? (size_t)skip : list->n;

    list->items += from;
    list->n -= from;
    if (list->n > limit)
        list->n = (size_t)limit;
}

/* A range of one index, or of one per partition, merged. */
static enum err list_range(struct list *list, uint64_t *total)
{
    struct media_filter *filter = &list->filter;
    uint64_t to = filter->skip + filter->limit;
    enum err err = count(list, total);

    if (err != OK || filter->skip >= *total)
        return err;
    if (list->partitions == 1)
        return gather(list, list->first_partition, filter->ascending, filter->skip, to);
    if (to > MEDIA_SCAN_MAX)
        return ERR_UNPROCESSABLE;
    for (unsigned i = 0; i < list->partitions && err == OK; i++)
        err = gather(list, list->first_partition + i, filter->ascending, 0, to);
    sort(list, &list->filter);
    cut(list, filter->skip, filter->limit);
    return err;
}

static enum err list_scan(struct list *list, uint64_t *total)
{
    enum err err = scan(list);

    *total = list->n;
    sort(list, &list->filter);
    cut(list, list->filter.skip, list->filter.limit);
    return err;
}

enum err media_list(struct task *task, struct state *state, const struct media_filter *filter,
                    struct media **out, size_t *n, uint64_t *total)
{
    struct list list = {
        .task = task, .state = state, .filter = *filter, .partitions = state->partitions};
    bool range = filter->sort == MEDIA_SORT_CREATED && !filter->text.n &&
                 !(filter->by_type && filter->tag.n);

    assert(filter->limit <= MEDIA_PAGE_MAX);
    list.filter.text = text_fold(task->arena, filter->text);
    *n = 0;
    *total = 0;
    *out = NULL;
    if (filter->owner.n) {
        if (!id_parse(filter->owner, SLICE("user_"), state->partitions, &list.first_partition))
            return OK;
        list.partitions = 1;
    }
    enum err err = range ? list_range(&list, total) : list_scan(&list, total);
    return err == OK ? load_page(&list, list.items, list.n, out, n) : err;
}

enum err media_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                    struct media **out, size_t *n)
{
    struct list list = {.task = task, .state = state};
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZSCAN"),
                                 index_key(task->arena, partition, SLICE_NONE, "", SLICE("")),
                                 record_number(task->arena, *cursor), SLICE("COUNT"),
                                 record_number(task->arena, MEDIA_PAGE_MAX));

    *n = 0;
    if (err != OK)
        return err;
    if (reply.n != 2 || !slice_to_u64(reply.items[0].text, cursor))
        return ERR_INTERNAL;
    for (size_t i = 0; i + 1 < reply.items[1].n; i += 2)
        append(&list,
               (struct candidate){.id = reply.items[1].items[i].text, .partition = partition});
    return load_page(&list, list.items, list.n, out, n);
}
