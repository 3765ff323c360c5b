#include "state/record.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "state/id.h"
#include "state/record_shape.h"
#include "state/secret.h"

#include <assert.h>
#include <string.h>

enum { UNIT_SEPARATOR = 0x1f };
/* Whoever is overtaken for the nth time waits n times the first at most, up to the second. */
enum { BACK_OFF_MS = 3, BACK_OFF_MOST_MS = 100 };

static const struct slice rev_name = SLICE_INIT("rev");

#define MEMBER(type, base, offset) ((type *)(void *)((char *)(base) + (offset)))
#define CONST_MEMBER(type, base, offset)                                                           \
    ((type const *)(const void *)((const char *)(base) + (offset)))

struct slice record_number(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "%llu", (unsigned long long)number);
}

/* -- From and to texts ------------------------------------------------------------------------ */

static struct slice join(struct arena *arena, const struct slice *texts, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i].n + 1;
    if (!bytes)
        return SLICE_NONE;
    char *joined = arena_alloc(arena, bytes), *at = joined;
    for (size_t i = 0; i < n; i++) {
        if (i)
            *at++ = UNIT_SEPARATOR;
        if (texts[i].n)
            memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    return (struct slice){joined, bytes - 1};
}

static struct slice *split(struct arena *arena, struct slice joined, size_t *n)
{
    struct slice rest = joined.n ? joined : SLICE_NONE, one;
    size_t count = 0;

    while (slice_split(rest, UNIT_SEPARATOR, &one, &rest))
        count++;
    struct slice *texts = ARENA_ARRAY(arena, struct slice, count);
    rest = joined.n ? joined : SLICE_NONE;
    for (size_t i = 0; i < count; i++)
        slice_split(rest, UNIT_SEPARATOR, &texts[i], &rest);
    *n = count;
    return texts;
}

/* Of all types but maps, whose entries are fields of their own. */
static struct slice text_of(struct arena *arena, const struct record_field *field,
                            const void *record)
{
    switch (field->type) {
    case RECORD_TEXT:
    case RECORD_SECRET:
        return *CONST_MEMBER(struct slice, record, field->offset);
    case RECORD_NUMBER:
        return record_number(arena, *CONST_MEMBER(uint64_t, record, field->offset));
    case RECORD_INTEGER:
        return arena_printf(arena, "%lld",
                            (long long)*CONST_MEMBER(int64_t, record, field->offset));
    case RECORD_FLAG:
        return *CONST_MEMBER(bool, record, field->offset) ? SLICE("1") : SLICE("0");
    case RECORD_ENUM:
        return record_enum_name(field->names, field->names_n,
                                *CONST_MEMBER(unsigned, record, field->offset));
    case RECORD_LIST:
        return join(arena, *CONST_MEMBER(struct slice *, record, field->offset),
                    *CONST_MEMBER(size_t, record, field->count_offset));
    case RECORD_MAP:
        break;
    }
    return SLICE_NONE;
}

/* Bound to its record and field: in another one it does not open. */
static struct slice place_of(struct arena *arena, const struct record_shape *shape,
                             const struct record_field *field, const void *record)
{
    return arena_printf(arena, "%.*s %.*s", SLICE_ARG(shape->key(arena, record)),
                        SLICE_ARG(field->name));
}

static struct slice open_secret(struct arena *arena, const struct record_shape *shape,
                                const struct record_field *field, struct slice text,
                                const void *record)
{
    struct slice plain;

    if (!text.n || !secret_open(arena, place_of(arena, shape, field, record), text, &plain, NULL))
        return SLICE_NONE;
    return plain;
}

/* False: a name that the enum does not have. */
static bool take_text(struct arena *arena, const struct record_shape *shape,
                      const struct record_field *field, struct slice text, void *record)
{
    uint64_t number;
    int64_t integer;

    if (!slice_to_u64(text, &number))
        number = 0;
    if (!slice_to_i64(text, &integer))
        integer = 0;
    switch (field->type) {
    case RECORD_SECRET:
        *MEMBER(struct slice, record, field->offset) =
            open_secret(arena, shape, field, text, record);
        break;
    case RECORD_TEXT:
        *MEMBER(struct slice, record, field->offset) = text;
        break;
    case RECORD_NUMBER:
        *MEMBER(uint64_t, record, field->offset) = number;
        break;
    case RECORD_INTEGER:
        *MEMBER(int64_t, record, field->offset) = integer;
        break;
    case RECORD_FLAG:
        *MEMBER(bool, record, field->offset) = slice_eq(text, SLICE("1"));
        break;
    case RECORD_ENUM:
        return record_enum_parse(field->names, field->names_n, text,
                                 MEMBER(unsigned, record, field->offset));
    case RECORD_LIST:
        *MEMBER(struct slice *, record, field->offset) =
            split(arena, text, MEMBER(size_t, record, field->count_offset));
        break;
    case RECORD_MAP:
        break;
    }
    return true;
}

static bool has_separator(const struct slice *texts, size_t n)
{
    size_t at;

    for (size_t i = 0; i < n; i++)
        if (slice_find(texts[i], UNIT_SEPARATOR, &at))
            return true;
    return false;
}

static bool fits(const struct record_field *field, const void *record)
{
    switch (field->type) {
    case RECORD_TEXT:
    case RECORD_SECRET:
        return CONST_MEMBER(struct slice, record, field->offset)->n <= field->max;
    case RECORD_NUMBER:
        return *CONST_MEMBER(uint64_t, record, field->offset) <= field->max;
    case RECORD_LIST:
        return *CONST_MEMBER(size_t, record, field->count_offset) <= field->max &&
               !has_separator(*CONST_MEMBER(struct slice *, record, field->offset),
                              *CONST_MEMBER(size_t, record, field->count_offset));
    case RECORD_MAP:
        return *CONST_MEMBER(size_t, record, field->count_offset) <= field->max;
    case RECORD_INTEGER:
    case RECORD_FLAG:
    case RECORD_ENUM:
        break;
    }
    return true;
}

struct slice record_key_as(struct arena *arena, const struct record_shape *shape,
                           const void *record)
{
    return shape->key(arena, record);
}

/* -- Reading ---------------------------------------------------------------------------------- */

/* Everything but the key is empty; the key's texts become ours. */
static void prepare(struct arena *arena, const struct record_shape *shape, void *record)
{
    char *old = arena_alloc(arena, shape->size);

    memcpy(old, record, shape->size);
    memset(record, 0, shape->size);
    *MEMBER(unsigned, record, shape->partition_offset) =
        *MEMBER(unsigned, old, shape->partition_offset);
    for (size_t i = 0; i < shape->n; i++) {
        const struct record_field *field = &shape->fields[i];

        if (field->in_key && field->type == RECORD_TEXT)
            *MEMBER(struct slice, record, field->offset) =
                arena_dup(arena, *MEMBER(struct slice, old, field->offset));
        else if (field->in_key)
            *MEMBER(uint64_t, record, field->offset) = *MEMBER(uint64_t, old, field->offset);
    }
}

/* The row of a field's name; records mostly keep the order of the rows, so the search begins behind
 * the last one found. */
static const struct record_field *row_of(const struct record_shape *shape, struct slice name,
                                         size_t *at)
{
    for (size_t i = 0; i < shape->n; i++) {
        const struct record_field *field = &shape->fields[(*at + i) % shape->n];

        if (field->stored && field->type != RECORD_MAP && slice_eq(name, field->name)) {
            *at = (*at + i + 1) % shape->n;
            return field;
        }
    }
    return NULL;
}

static bool is_entry(const struct record_shape *shape, const struct record_field *map,
                     struct slice name)
{
    size_t at = 0;

    return slice_starts_with(name, map->prefix) && !row_of(shape, name, &at);
}

static void take_map(struct arena *arena, const struct record_shape *shape,
                     const struct record_field *field, const struct redis_value *fields,
                     void *record)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < fields->n; i += 2)
        n += is_entry(shape, field, fields->items[i].text);
    struct record_entry *entries = ARENA_ARRAY(arena, struct record_entry, n);
    *MEMBER(struct record_entry *, record, field->offset) = entries;
    *MEMBER(size_t, record, field->count_offset) = n;
    for (size_t i = 0; i + 1 < fields->n; i += 2)
        if (is_entry(shape, field, fields->items[i].text))
            *entries++ = (struct record_entry){fields->items[i].text, fields->items[i + 1].text};
}

static bool take_fields(struct arena *arena, const struct record_shape *shape,
                        const struct redis_value *fields, void *record)
{
    size_t at = 0;

    for (size_t i = 0; i + 1 < fields->n; i += 2) {
        struct slice name = fields->items[i].text, text = fields->items[i + 1].text;
        const struct record_field *field = row_of(shape, name, &at);

        if (field && !take_text(arena, shape, field, text, record))
            return false;
        if (!field && slice_eq(name, rev_name) &&
            !slice_to_u64(text, MEMBER(uint64_t, record, shape->rev_offset)))
            return false;
    }
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].type == RECORD_MAP)
            take_map(arena, shape, &shape->fields[i], fields, record);
    return true;
}

enum err record_read_as(struct arena *arena, const struct record_shape *shape,
                        const struct redis_value *fields, void *record)
{
    if (!fields->n)
        return ERR_NOT_FOUND;
    prepare(arena, shape, record);
    if (take_fields(arena, shape, fields, record))
        return OK;
    log_event(LOG_ERROR, "record_unreadable", F("kind", shape->name));
    return ERR_INTERNAL;
}

enum err record_locate_as(const struct state *state, const struct record_shape *shape, void *record)
{
    if (!shape->id_prefix.n)
        return OK;
    return id_parse(*MEMBER(struct slice, record, shape->id_offset), shape->id_prefix,
                    state->partitions, MEMBER(unsigned, record, shape->partition_offset))
               ? OK
               : ERR_NOT_FOUND;
}

struct redis_call *record_send_as(struct state *state, struct arena *arena,
                                  const struct record_shape *shape, const void *record)
{
    return redis_send(state->durable, REDIS_ARGV(SLICE("HGETALL"), shape->key(arena, record)), 2);
}

enum err record_take_as(struct task *task, struct redis_call *call,
                        const struct record_shape *shape, void *record)
{
    struct redis_value fields;
    enum err err = redis_await(task, call, &fields);

    if (err == OK)
        err = state_fault(&fields);
    return err == OK ? record_read_as(task->arena, shape, &fields, record) : err;
}

enum err record_load_as(struct task *task, struct state *state, const struct record_shape *shape,
                        void *record)
{
    enum err err = record_locate_as(state, shape, record);

    if (err != OK)
        return err;
    return record_take_as(task, record_send_as(state, task->arena, shape, record), shape, record);
}

/* Loads records[0 .. n) and moves those that are there to out; *out_n: how many. */
static enum err load_chunk(struct task *task, struct state *state, const struct record_shape *shape,
                           char *records, size_t n, char *out, size_t *out_n)
{
    struct redis_call **calls = ARENA_ARRAY(task->arena, struct redis_call *, n);
    struct redis_value *replies = ARENA_ARRAY(task->arena, struct redis_value, n);

    for (size_t i = 0; i < n; i++)
        calls[i] = record_send_as(state, task->arena, shape, records + i * shape->size);
    enum err err = redis_await_all(task, calls, n, replies);
    *out_n = 0;
    for (size_t i = 0; i < n && err == OK; i++) {
        char *record = records + i * shape->size;

        err = state_fault(&replies[i]);
        if (err == OK && record_read_as(task->arena, shape, &replies[i], record) == OK)
            memmove(out + (*out_n)++ * shape->size, record, shape->size);
    }
    return err;
}

enum err record_load_many_as(struct task *task, struct state *state,
                             const struct record_shape *shape, void *records, size_t *n)
{
    size_t total = *n;
    char *all = records;
    enum err err = OK;

    *n = 0;
    for (size_t i = 0; i < total && err == OK; i += RECORD_CHUNK) {
        size_t chunk = total - i < RECORD_CHUNK ? total - i : RECORD_CHUNK, there;

        err = load_chunk(task, state, shape, all + i * shape->size, chunk, all + *n * shape->size,
                         &there);
        *n += there;
    }
    return err;
}

/* -- Writing ---------------------------------------------------------------------------------- */

/* The arguments of one write. */
struct args {
    struct slice *v;
    size_t n;
};

static struct args args_new(struct arena *arena, const char *command, struct slice key, size_t max)
{
    struct args args = {ARENA_ARRAY(arena, struct slice, max + 2), 2};

    args.v[0] = slice_from(command);
    args.v[1] = key;
    return args;
}

static void add(struct args *args, struct slice text)
{
    args->v[args->n++] = text;
}

static const struct record_entry *find_entry(const struct record_field *field, const void *record,
                                             struct slice name)
{
    const struct record_entry *entries =
        *CONST_MEMBER(struct record_entry *, record, field->offset);
    size_t n = *CONST_MEMBER(size_t, record, field->count_offset);

    for (size_t i = 0; i < n; i++)
        if (slice_eq(entries[i].name, name))
            return &entries[i];
    return NULL;
}

static void add_map(struct args *set, struct args *unset, const struct record_field *field,
                    const void *was, const void *now)
{
    const struct record_entry *entries = *CONST_MEMBER(struct record_entry *, now, field->offset),
                              *old;
    size_t n = *CONST_MEMBER(size_t, now, field->count_offset);

    for (size_t i = 0; i < n; i++) {
        assert(slice_starts_with(entries[i].name, field->prefix));
        old = was ? find_entry(field, was, entries[i].name) : NULL;
        if (!old || !slice_eq(old->value, entries[i].value)) {
            add(set, entries[i].name);
            add(set, entries[i].value);
        }
    }
    n = was ? *CONST_MEMBER(size_t, was, field->count_offset) : 0;
    entries = was ? *CONST_MEMBER(struct record_entry *, was, field->offset) : NULL;
    for (size_t i = 0; i < n; i++)
        if (!find_entry(field, now, entries[i].name))
            add(unset, entries[i].name);
}

/* How many arguments the fields of a record are at most. */
static size_t most_args(const struct record_shape *shape, const void *record)
{
    size_t n = 2 * (shape->n + 1);

    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].type == RECORD_MAP)
            n += 2 * *CONST_MEMBER(size_t, record, shape->fields[i].count_offset);
    return n;
}

/* Writes the fields in which `now` differs from `was` (NULL: all of them) and the next rev. */
static void write_fields(struct commit *commit, const struct record_shape *shape, const void *was,
                         void *now)
{
    struct arena *arena = commit_arena(commit);
    struct slice key = shape->key(arena, now);
    struct args set = args_new(arena, "HSET", key, most_args(shape, now));
    struct args unset = args_new(arena, "HDEL", key, was ? most_args(shape, was) : 0);
    uint64_t rev = was ? *CONST_MEMBER(uint64_t, was, shape->rev_offset) : 0;

    for (size_t i = 0; i < shape->n; i++) {
        const struct record_field *field = &shape->fields[i];

        if (!field->stored)
            continue;
        if (!fits(field, now)) {
            log_event(LOG_WARN, "record_out_of_bounds", F("kind", shape->name),
                      F("field", field->name));
            commit_refuse(commit, ERR_UNPROCESSABLE);
        }
        if (field->type == RECORD_MAP) {
            add_map(&set, &unset, field, was, now);
            continue;
        }
        struct slice text = text_of(arena, field, now);
        if (was && slice_eq(text, text_of(arena, field, was)))
            continue;
        if (field->type == RECORD_SECRET && text.n)
            text = secret_seal(arena, place_of(arena, shape, field, now), text);
        add(&set, field->name);
        add(&set, text);
    }
    if (set.n > 2 || unset.n > 2) {
        add(&set, rev_name);
        add(&set, record_number(arena, ++rev));
        commit_writev(commit, set.v, set.n);
    }
    if (unset.n > 2)
        commit_writev(commit, unset.v, unset.n);
    *MEMBER(uint64_t, now, shape->rev_offset) = rev;
}

static void fence(struct commit *commit, const struct record_shape *shape, const void *was)
{
    assert(*CONST_MEMBER(unsigned, was, shape->partition_offset) == commit_partition(commit));
    commit_require_rev(commit, shape->key(commit_arena(commit), was),
                       *CONST_MEMBER(uint64_t, was, shape->rev_offset));
}

void record_create_as(struct commit *commit, const struct record_shape *shape, void *record)
{
    assert(*CONST_MEMBER(unsigned, record, shape->partition_offset) == commit_partition(commit));
    commit_require_absent(commit, shape->key(commit_arena(commit), record));
    write_fields(commit, shape, NULL, record);
}

void record_save_as(struct commit *commit, const struct record_shape *shape, const void *was,
                    void *now)
{
    fence(commit, shape, was);
    write_fields(commit, shape, was, now);
}

void record_remove_as(struct commit *commit, const struct record_shape *shape, const void *was)
{
    fence(commit, shape, was);
    commit_write(commit, SLICE("DEL"), shape->key(commit_arena(commit), was));
}

/* -- Again ------------------------------------------------------------------------------------ */

enum err record_repeat(struct task *task, struct state *state, record_try_fn *fn, void *arg)
{
    uint64_t until_ms = clock_ms() + RECORD_PATIENCE_MS;
    unsigned wait_ms = BACK_OFF_MS;
    enum err err = fn(task, state, arg);

    while (err == ERR_OVERTAKEN && clock_ms() < until_ms) {
        fiber_sleep(random_below(wait_ms));
        if (wait_ms < BACK_OFF_MOST_MS)
            wait_ms += BACK_OFF_MS;
        err = fn(task, state, arg);
    }
    return err;
}

struct change {
    const struct record_shape *shape;
    void *record;
    record_change_fn *fn;
    void *arg;
};

static enum err change_once(struct task *task, struct state *state, void *arg)
{
    struct change *change = arg;
    const struct record_shape *shape = change->shape;
    void *was = arena_alloc(task->arena, shape->size);
    enum err err = record_load_as(task, state, shape, change->record);

    if (err != OK)
        return err;
    memcpy(was, change->record, shape->size);
    struct commit *commit =
        commit_new(task, state, *MEMBER(unsigned, change->record, shape->partition_offset));
    err = change->fn(commit, was, change->record, change->arg);
    if (err != OK)
        return err;
    record_save_as(commit, shape, was, change->record);
    return commit_send(commit);
}

enum err record_change_as(struct task *task, struct state *state, const struct record_shape *shape,
                          void *record, record_change_fn *fn, void *arg)
{
    struct change change = {shape, record, fn, arg};

    return record_repeat(task, state, change_once, &change);
}
