#include "state/media_list.h"

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

/* -- Candidates ------------------------------------------------------------------------------- */

struct candidate {
    struct slice id;
    unsigned partition;
    uint64_t created_ms;
    int64_t number;     /* size or time, when sorted by it */
    struct slice title; /* folded, when sorted by it */
};

struct selection {
    struct task *task;
    struct state *state;
    struct media_filter filter;
    unsigned first_partition, partitions; /* where to look */
    struct candidate *items;
    size_t n, size;
};

static void append(struct selection *selection, struct candidate candidate)
{
    if (selection->n == selection->size) {
        size_t size = selection->size ? 2 * selection->size : CHUNK;
        struct candidate *grown = ARENA_ARRAY(selection->task->arena, struct candidate, size);

        if (selection->n)
            memcpy(grown, selection->items, selection->n * sizeof *grown);
        selection->items = grown;
        selection->size = size;
    }
    selection->items[selection->n++] = candidate;
}

/* The smallest index that has all that are looked for. */
static struct slice narrowest_index(const struct selection *selection, unsigned partition)
{
    const struct media_filter *filter = &selection->filter;
    struct arena *arena = selection->task->arena;

    if (filter->tag.n)
        return media_index_key(arena, partition, filter->owner, "tag", filter->tag);
    if (filter->by_type)
        return media_index_key(arena, partition, filter->owner, "type",
                               media_type_name(filter->type));
    return media_index_key(arena, partition, filter->owner, "", SLICE_NONE);
}

/* Appends places [from, to) of one partition's index, in the order of creation asked for. */
static enum err gather(struct selection *selection, unsigned partition, bool ascending,
                       uint64_t from, uint64_t to)
{
    struct arena *arena = selection->task->arena;
    struct slice key = narrowest_index(selection, partition);

    while (from < to) {
        uint64_t until = to - from > CHUNK ? from + CHUNK : to;
        struct redis_value reply;
        enum err err = state_command(selection->task, selection->state->durable, &reply,
                                     ascending ? SLICE("ZRANGE") : SLICE("ZREVRANGE"), key,
                                     record_number(arena, from), record_number(arena, until - 1),
                                     SLICE("WITHSCORES"));

        if (err != OK)
            return err;
        for (size_t i = 0; i + 1 < reply.n; i += 2) {
            struct candidate candidate = {.id = reply.items[i].text, .partition = partition};

            if (slice_to_u64(reply.items[i + 1].text, &candidate.created_ms))
                append(selection, candidate);
        }
        if (reply.n < 2 * (until - from))
            break;
        from = until;
    }
    return OK;
}

static enum err count(struct selection *selection, uint64_t *total)
{
    *total = 0;
    for (unsigned i = 0; i < selection->partitions; i++) {
        struct redis_value reply;
        enum err err =
            state_command(selection->task, selection->state->durable, &reply, SLICE("ZCARD"),
                          narrowest_index(selection, selection->first_partition + i));

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

static void sort(struct selection *selection, struct media_filter *order)
{
    if (selection->n)
        qsort_r(selection->items, selection->n, sizeof *selection->items, compare, order);
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
static enum err look_at(struct selection *selection, size_t from, size_t n, size_t *kept)
{
    struct task chunk = *selection->task;
    struct slice argv[2 + FIELDS] = {SLICE("HMGET")};
    enum err err;

    assert(n <= LOOK);
    chunk.arena = arena_new();
    struct redis_call **calls = ARENA_ARRAY(chunk.arena, struct redis_call *, n);
    struct redis_value *replies = ARENA_ARRAY(chunk.arena, struct redis_value, n);
    memcpy(argv + 2, field_names, sizeof field_names);
    for (size_t i = 0; i < n; i++) {
        struct media media = {.partition = selection->items[from + i].partition,
                              .id = selection->items[from + i].id};

        argv[1] = record_key(chunk.arena, &media);
        calls[i] = redis_send(selection->state->durable, argv, 2 + FIELDS);
    }
    err = redis_await_all(&chunk, calls, n, replies);
    for (size_t i = 0; i < n && err == OK; i++) {
        struct candidate item = selection->items[from + i];

        err = state_fault(&replies[i]);
        if (err != OK || !matches(chunk.arena, &selection->filter, &replies[i]))
            continue;
        take_sort_key(selection->task->arena, &selection->filter, &replies[i], &item);
        selection->items[(*kept)++] = item;
    }
    arena_free(chunk.arena);
    return err;
}

static enum err scan(struct selection *selection)
{
    size_t kept = 0;

    for (unsigned i = 0; i < selection->partitions; i++) {
        enum err err = gather(selection, selection->first_partition + i, false, 0, MEDIA_SCAN_MAX);

        if (err != OK)
            return err;
    }
    if (selection->partitions > 1) {
        struct media_filter newest_first = {.ascending = false};

        sort(selection, &newest_first);
        if (selection->n > MEDIA_SCAN_MAX)
            selection->n = MEDIA_SCAN_MAX;
    }
    for (size_t from = 0; from < selection->n; from += LOOK) {
        enum err err = look_at(selection, from,
                               selection->n - from < LOOK ? selection->n - from : LOOK, &kept);

        if (err != OK)
            return err;
    }
    selection->n = kept;
    return OK;
}

/* -- The page --------------------------------------------------------------------------------- */

/* Those that were deleted since the index was read are missing: the page is shorter. */
static enum err load_page(struct selection *selection, const struct candidate *items, size_t n,
                          struct media **out, size_t *out_n)
{
    *out = ARENA_ARRAY(selection->task->arena, struct media, n);
    *out_n = n;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (struct media){.partition = items[i].partition, .id = items[i].id};
    return record_load_many(selection->task, selection->state, *out, out_n);
}

static void cut(struct selection *selection, uint64_t skip, uint64_t limit)
{
    size_t from = skip < selection->n ? (size_t)skip : selection->n;

    selection->items += from;
    selection->n -= from;
    if (selection->n > limit)
        selection->n = (size_t)limit;
}

/* A range of one index, or of one per partition, merged. */
static enum err list_range(struct selection *selection, uint64_t *total)
{
    struct media_filter *filter = &selection->filter;
    uint64_t to = filter->skip + filter->limit;
    enum err err = count(selection, total);

    if (err != OK || filter->skip >= *total)
        return err;
    if (selection->partitions == 1)
        return gather(selection, selection->first_partition, filter->ascending, filter->skip, to);
    if (to > MEDIA_SCAN_MAX)
        return ERR_UNPROCESSABLE;
    for (unsigned i = 0; i < selection->partitions && err == OK; i++)
        err = gather(selection, selection->first_partition + i, filter->ascending, 0, to);
    sort(selection, &selection->filter);
    cut(selection, filter->skip, filter->limit);
    return err;
}

static enum err list_scan(struct selection *selection, uint64_t *total)
{
    enum err err = scan(selection);

    *total = selection->n;
    sort(selection, &selection->filter);
    cut(selection, selection->filter.skip, selection->filter.limit);
    return err;
}

enum err media_list(struct task *task, struct state *state, const struct media_filter *filter,
                    struct media **out, size_t *n, uint64_t *total)
{
    struct selection selection = {
        .task = task, .state = state, .filter = *filter, .partitions = state->partitions};
    bool range = filter->sort == MEDIA_SORT_CREATED && !filter->text.n &&
                 !(filter->by_type && filter->tag.n);

    assert(filter->limit <= MEDIA_PAGE_MAX);
    selection.filter.text = text_fold(task->arena, filter->text);
    *n = 0;
    *total = 0;
    *out = NULL;
    if (filter->owner.n) {
        if (!id_parse(filter->owner, SLICE("user_"), state->partitions, &selection.first_partition))
            return OK;
        selection.partitions = 1;
    }
    enum err err = range ? list_range(&selection, total) : list_scan(&selection, total);
    return err == OK ? load_page(&selection, selection.items, selection.n, out, n) : err;
}

enum err media_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                    struct media **out, size_t *n)
{
    struct selection selection = {.task = task, .state = state};
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("ZSCAN"),
                                 media_index_key(task->arena, partition, SLICE_NONE, "", SLICE("")),
                                 record_number(task->arena, *cursor), SLICE("COUNT"),
                                 record_number(task->arena, MEDIA_PAGE_MAX));

    *n = 0;
    if (err != OK)
        return err;
    if (reply.n != 2 || !slice_to_u64(reply.items[0].text, cursor))
        return ERR_INTERNAL;
    for (size_t i = 0; i + 1 < reply.items[1].n; i += 2)
        append(&selection,
               (struct candidate){.id = reply.items[1].items[i].text, .partition = partition});
    return load_page(&selection, selection.items, selection.n, out, n);
}
