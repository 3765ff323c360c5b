/* Versions of backups: numbers, rotation, what a collection has, in one commit or not at all. */
#include "state_by_hand.h"
#include "state_fixture.h"

#include "state/backup_version.h"
#include "state/blob.h"
#include "state/id.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct slice owner(struct task *task)
{
    return id_of_name(task->arena, SLICE("user_"), BACKUP_PARTITION, SLICE("eve"));
}

static struct backup_version make(const char *collection, const char *hash, uint64_t size)
{
    return (struct backup_version){
        .collection = slice_from(collection),
        .filename = SLICE("a.asc"),
        .size = size,
        .sha256 = slice_from(hash),
        .session_id = SLICE("session"),
        .user = SLICE("eve"),
    };
}

static struct backup_stock stock_of(struct task *task, struct state *state, const char *collection)
{
    struct backup_stock stock;

    assert_int_equal(backup_stock_load(task, state, slice_from(collection), &stock), OK);
    return stock;
}

/* Adds one more, in the place of the `removed` oldest. */
static struct backup_version add(struct task *task, struct state *state, const char *collection,
                                 const char *hash, uint64_t size, size_t removed)
{
    struct backup_version version = make(collection, hash, size), *oldest;
    struct backup_stock stock = stock_of(task, state, collection);
    size_t n;

    assert_int_equal(
        backup_version_after(task, state, slice_from(collection), 0, removed, &oldest, &n), OK);
    assert_int_equal(n, removed);
    assert_int_equal(backup_version_add(task, state, &stock, &version, owner(task), oldest, n), OK);
    return version;
}

static bool is_referenced(struct task *task, struct state *state, const char *hash)
{
    struct slice hashes[] = {slice_from(hash)};
    bool referenced;

    assert_int_equal(blob_referenced(task, state, hashes, 1, &referenced), OK);
    return referenced;
}

static void rotation(struct task *task, struct state *state)
{
    struct backup_version *list, got;
    struct backup_stock stock = stock_of(task, state, "c");
    size_t n;

    assert_true(stock.last == 0 && stock.count == 0 && stock.bytes == 0);
    assert_int_equal(backup_version_newest(task, state, SLICE("c"), 9, &list, &n), OK);
    assert_int_equal(n, 0);

    assert_int_equal(add(task, state, "c", HASH_A, 10, 0).number, 1);
    assert_int_equal(add(task, state, "c", HASH_B, 20, 0).number, 2);
    stock = stock_of(task, state, "c");
    assert_true(stock.last == 2 && stock.count == 2 && stock.bytes == 30);
    assert_true(is_referenced(task, state, HASH_A));

    struct backup_version third = add(task, state, "c", HASH_B, 20, 1);
    assert_int_equal(third.number, 3);
    assert_int_equal(third.id.n, 36);
    assert_false(is_referenced(task, state, HASH_A));
    assert_int_equal(backup_version_load(task, state, SLICE("c"), 1, &got), ERR_NOT_FOUND);
    assert_int_equal(backup_version_load(task, state, SLICE("c"), 3, &got), OK);
    assert_true(slice_eq(got.id, third.id) && got.created_ms == third.created_ms);
    assert_true(slice_eq(got.user, SLICE("eve")) && slice_eq(got.filename, SLICE("a.asc")));

    assert_int_equal(backup_version_newest(task, state, SLICE("c"), 9, &list, &n), OK);
    assert_true(n == 2 && list[0].number == 3 && list[1].number == 2);
    assert_int_equal(backup_version_newest(task, state, SLICE("c"), 1, &list, &n), OK);
    assert_true(n == 1 && list[0].number == 3);
    assert_int_equal(backup_version_after(task, state, SLICE("c"), 2, 9, &list, &n), OK);
    assert_true(n == 1 && list[0].number == 3);

    /* The last reference to a content is the last one, whoever has the others. */
    add(task, state, "c", HASH_A, 5, 2);
    assert_false(is_referenced(task, state, HASH_B));
    stock = stock_of(task, state, "c");
    assert_true(stock.last == 4 && stock.count == 1 && stock.bytes == 5);
}

/* Events of a partition; the newest one's fields in *last. */
static size_t events(struct task *task, struct state *state, unsigned partition,
                     struct redis_value *last)
{
    struct redis_value entries = hand_events(task, state, partition);

    if (entries.n)
        *last = entries.items[entries.n - 1].items[1];
    return entries.n;
}

/* The collection has changed since it was looked at: nothing at all is done. */
static void overtaken(struct task *task, struct state *state)
{
    struct backup_version late = make("c", HASH_B, 7), *oldest, *list;
    struct backup_stock seen[3], now;
    struct redis_value last;
    size_t n;

    seen[0] = stock_of(task, state, "c");
    add(task, state, "c", HASH_A, 10, 0);
    seen[1] = stock_of(task, state, "c");
    add(task, state, "c", HASH_A, 10, 1); /* as many as before, and others */
    seen[2] = stock_of(task, state, "c");
    seen[2].rev++;
    assert_int_equal(backup_version_after(task, state, SLICE("c"), 0, 1, &oldest, &n), OK);
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        assert_int_equal(backup_version_add(task, state, &seen[i], &late, owner(task), oldest, n),
                         ERR_OVERTAKEN);
        now = stock_of(task, state, "c");
        assert_true(now.last == 2 && now.count == 1 && now.bytes == 10);
        assert_false(is_referenced(task, state, HASH_B));
        assert_true(is_referenced(task, state, HASH_A));
        assert_int_equal(backup_version_newest(task, state, SLICE("c"), 9, &list, &n), OK);
        assert_true(n == 1 && list[0].number == 2);
        assert_int_equal(events(task, state, BACKUP_PARTITION, &last), 2);
    }
    now = stock_of(task, state, "c");
    assert_int_equal(backup_version_add(task, state, &now, &late, owner(task), oldest, 1), OK);
    assert_int_equal(late.number, 3);
}

/* By number, not by its text: 10 comes after 9. As many may go at once as may be said. */
static void many(struct task *task, struct state *state)
{
    enum { MANY = BACKUP_REMOVED_MAX + 2 };
    struct backup_version *list;
    size_t n;

    for (uint64_t i = 1; i <= MANY; i++)
        assert_int_equal(add(task, state, "c", HASH_A, i, 0).number, i);
    assert_int_equal(backup_version_after(task, state, SLICE("c"), 0, BACKUP_LIST_MAX, &list, &n),
                     OK);
    assert_int_equal(n, MANY);
    for (size_t i = 0; i < n; i++)
        assert_true(list[i].number == i + 1 && list[i].size == i + 1);
    assert_int_equal(backup_version_after(task, state, SLICE("c"), 8, 3, &list, &n), OK);
    assert_true(n == 3 && list[0].number == 9 && list[1].number == 10 && list[2].number == 11);
    assert_int_equal(backup_version_newest(task, state, SLICE("c"), 2, &list, &n), OK);
    assert_true(n == 2 && list[0].number == MANY && list[1].number == MANY - 1);

    add(task, state, "c", HASH_B, 1000, BACKUP_REMOVED_MAX);
    struct backup_stock stock = stock_of(task, state, "c");
    assert_true(stock.last == MANY + 1 && stock.count == 3);
    assert_true(stock.bytes == MANY + MANY - 1 + 1000);
    assert_true(is_referenced(task, state, HASH_A));
}

static void collections_apart(struct task *task, struct state *state)
{
    struct slice *names;
    size_t n;

    assert_int_equal(backup_collections(task, state, &names, &n), OK);
    assert_int_equal(n, 0);
    add(task, state, "a", HASH_A, 1, 0);
    add(task, state, "b", HASH_A, 2, 0);
    assert_int_equal(add(task, state, "a", HASH_B, 3, 1).number, 2);
    assert_true(is_referenced(task, state, HASH_A)); /* by b */
    assert_int_equal(stock_of(task, state, "a").bytes, 3);
    assert_int_equal(stock_of(task, state, "b").bytes, 2);
    assert_int_equal(backup_collections(task, state, &names, &n), OK);
    assert_int_equal(n, 2);
    bool swapped = slice_eq(names[0], SLICE("b"));
    assert_true(slice_eq(names[swapped], SLICE("a")) && slice_eq(names[!swapped], SLICE("b")));
}

static void one_event_each(struct task *task, struct state *state)
{
    struct redis_value last, none;

    add(task, state, "c", HASH_A, 10, 0);
    assert_int_equal(events(task, state, BACKUP_PARTITION, &last), 1);
    struct backup_version second = add(task, state, "c", HASH_B, 20, 1);
    assert_int_equal(events(task, state, BACKUP_PARTITION, &last), 2);
    for (unsigned i = 0; i < state->partitions; i++)
        if (i != BACKUP_PARTITION)
            assert_int_equal(events(task, state, i, &none), 0);

    assert_true(slice_eq(redis_field(&last, SLICE("type")), SLICE("collection.version.uploaded")));
    assert_true(slice_eq(redis_field(&last, SLICE("resource")), SLICE("c")));
    assert_true(slice_eq(redis_field(&last, SLICE("owner")), owner(task)));
    struct slice changes = redis_field(&last, SLICE("changes"));
    assert_non_null(memmem(changes.p, changes.n, second.id.p, second.id.n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, rotation),
        STATE_TEST(3, rotation),
        STATE_TEST(1, overtaken),
        STATE_TEST(3, overtaken),
        STATE_TEST(1, many),
        STATE_TEST(1, collections_apart),
        STATE_TEST(3, collections_apart),
        STATE_TEST(1, one_event_each),
        STATE_TEST(3, one_event_each),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
