/* The catalogue's file: what a list finds, in which order and how many; what makes a file unfit. */
#include "scratch.h"

#include "catalogue/catalogue.h"
#include "catalogue/search.h"
#include "catalogue/words.h"
#include "state/id.h"

enum { MINE = 25, PARTITIONS = 2 };

static struct {
    struct arena *arena;
    struct catalogue *catalogue;
    struct search *search;
    struct slice ids[MINE], me;
    struct head heads[PARTITIONS];
} fx;

static const struct head first = {.epoch = 7, .offset = 5, .hash = "0123456789abcdef"};

static struct media item(unsigned i)
{
    static struct slice three = SLICE_INIT("three");

    return (struct media){
        .id = fx.ids[i],
        .rev = 1,
        .owner = fx.me,
        .title = arena_printf(fx.arena, "%s %02u", i % 2 ? "Item" : "iTEM", i * 7 % MINE),
        .description = i == 4 ? SLICE("On the BEACH") : SLICE(""),
        .filename = i == 9 ? SLICE("beach.jpg") : SLICE("x.jpg"),
        .type = i % 5 ? MEDIA_IMAGE : MEDIA_VIDEO,
        .size = i * i % 26,
        .tags = &three,
        .tag_count = i % 3 == 0,
        .created_ms = UINT64_C(1700000000000) + i,
        .taken_ms = i % 2 ? INT64_C(4000000000000) + i
                    : i   ? 0
                          : INT64_C(-459791450000)};
}

static void put(const struct media *media)
{
    assert_true(catalogue_begin(fx.catalogue));
    assert_true(catalogue_put(fx.catalogue, fx.arena, media));
    assert_true(catalogue_commit(fx.catalogue));
}

static void take_away(struct slice id)
{
    assert_true(catalogue_begin(fx.catalogue));
    assert_true(catalogue_remove(fx.catalogue, fx.arena, id));
    assert_true(catalogue_commit(fx.catalogue));
}

/* 25 of mine: number i has title "Item <(i * 7) % 25>", size i * i % 26, every fifth a video, every
 * third tagged "three", taken on odd numbers only. And one of somebody else. */
static int setup(void **state)
{
    const char *path = scratch_path("catalogue.db");

    fx.arena = arena_new();
    fx.me = id_new(fx.arena, SLICE("user_"), 1);
    fx.catalogue = catalogue_create(path);
    assert_non_null(fx.catalogue);
    for (unsigned i = 0; i < MINE; i++) {
        fx.ids[i] = id_new(fx.arena, SLICE("media_"), 1);
        struct media media = item(i);
        put(&media);
    }
    struct media other = item(0);
    other.owner = id_new(fx.arena, SLICE("user_"), 0);
    other.id = id_new(fx.arena, SLICE("media_"), 0);
    other.title = SLICE("beach");
    put(&other);
    assert_true(catalogue_begin(fx.catalogue));
    for (unsigned i = 0; i < PARTITIONS; i++)
        assert_true(catalogue_place(fx.catalogue, i, &first));
    assert_true(catalogue_commit(fx.catalogue) && catalogue_complete(fx.catalogue));
    catalogue_close(fx.catalogue);
    fx.catalogue = catalogue_open(path, PARTITIONS, fx.heads);
    assert_non_null(fx.catalogue);
    assert_int_equal(search_open(path, &fx.search), OK);
    return 0;
}

static int teardown(void **state)
{
    search_close(fx.search);
    catalogue_close(fx.catalogue);
    arena_free(fx.arena);
    return 0;
}

static struct list_page found(const struct list_filter *filter)
{
    struct list_page page;

    assert_int_equal(search_list(fx.search, fx.arena, filter, NULL, 0, &page), OK);
    return page;
}

static void expect(struct list_filter filter, const char *numbers, uint64_t total)
{
    struct slice rest = slice_from(numbers), one;
    struct list_page page = found(&filter);
    uint64_t number;

    assert_int_equal(page.total, total);
    for (size_t i = 0; i < page.n; i++) {
        assert_true(slice_split(rest, ' ', &one, &rest));
        assert_true(slice_to_u64(one, &number));
        assert_true(slice_eq(page.ids[i], fx.ids[number]));
    }
    assert_false(rest.n > 0);
}

static void lists(void **state)
{
    const int64_t start = INT64_C(1700000000000);
    struct list_filter all = {.owner = fx.me, .limit = 5}, f;

    expect(all, "24 23 22 21 20", MINE);
    f = all, f.skip = 22;
    expect(f, "2 1 0", MINE);
    f = all, f.skip = UINT64_MAX;
    expect(f, "", MINE);
    f = all, f.ascending = true, f.skip = 3, f.limit = 2;
    expect(f, "3 4", MINE);
    f = all, f.by_type = true, f.type = MEDIA_VIDEO;
    expect(f, "20 15 10 5 0", 5);
    f = all, f.by_type = true, f.type = MEDIA_AUDIO;
    expect(f, "", 0);
    f = all, f.tag = SLICE("three"), f.skip = 2;
    expect(f, "18 15 12 9 6", 9);
    f = all, f.tag = SLICE("none");
    expect(f, "", 0);
    f = all, f.tag = SLICE("three"), f.by_type = true, f.type = MEDIA_VIDEO;
    expect(f, "15 0", 2);
    f = all, f.text = SLICE("beach");
    expect(f, "9 4", 2);
    f.ascending = true;
    expect(f, "4 9", 2);
    f.tag = SLICE("three");
    expect(f, "9", 1);
    f = all, f.text = SLICE("2 item"), f.skip = 1, f.limit = 3;
    expect(f, "14 10 7", 5);
    f = all, f.sort = SORT_TITLE, f.ascending = true;
    expect(f, "0 18 11 4 22", MINE);
    f.ascending = false, f.skip = 23;
    expect(f, "18 0", MINE);
    f = all, f.sort = SORT_SIZE, f.limit = 4;
    expect(f, "21 5 19 7", MINE);
    f.by_type = true, f.type = MEDIA_VIDEO, f.tag = SLICE("three");
    expect(f, "15 0", 2);
    f = all, f.sort = SORT_TAKEN_MS, f.limit = 14;
    expect(f, "23 21 19 17 15 13 11 9 7 5 3 1 24 22", MINE);
    f.ascending = true, f.limit = 2;
    expect(f, "0 2", MINE);
    f = all, f.by_created = true, f.created_from = start + 3, f.created_before = start + 6;
    expect(f, "5 4 3", 3);
    f.text = SLICE("beach");
    expect(f, "4", 1);
    f = all, f.by_taken = true, f.taken_from = INT64_MIN, f.taken_before = 0;
    expect(f, "0", 1);
    f.text = SLICE("beach");
    expect(f, "", 0);
    f = all, f.owner = SLICE("user_nobody");
    expect(f, "", 0);
    f = (struct list_filter){.limit = 1};
    assert_int_equal(found(&f).total, MINE + 1);
    f.text = SLICE("beach");
    assert_int_equal(found(&f).total, 3);
    f = (struct list_filter){.limit = 1, .by_created = true, .created_before = start + 2};
    assert_int_equal(found(&f).total, 3);
}

static void words(void **state)
{
    static const struct {
        const char *title, *asked;
        bool found;
    } cases[] = {
        {"M\xc3\xbcller", "MULLER", true},
        {"Mu\xcc\x88ller am See", "m\xc3\xbcl see", true},
        {"Stra\xc3\x9f"
         "e",
         "strasse", true},
        {"sea \xe2\x80\x94 night", "night \xe2\x80\x94 sea", true},
        {"sea", "ea", false},
        {"DSC_1042.JPG", "dsc_10", true},
        {"DSC_1042.JPG", "1042", true},
        {"DSC_1042.JPG", "042", false},
        {"say \"yes\"", "\"yes\"", true},
        {"party \xf0\x9f\x8e\x89", "\xf0\x9f\x8e\x89", true},
        {"\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc", "\xe4\xba\xac\xe3\x82\xbf",
         true},
        {"\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc", "\xe4\xba\xac\xe3\x83\xaf",
         false},
        {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c", true},
        {"anything", "*", false},
        {"anything", "- ! AND", false},
        {"NEAR(a) OR b*", "near( OR", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct media media = item(0);
        struct list_filter filter = {
            .owner = fx.me, .limit = 5, .text = slice_from(cases[i].asked)};

        media.id = SLICE("media_0000000000010000000000000X");
        media.rev = 0;
        media.title = slice_from(cases[i].title);
        put(&media);
        if ((found(&filter).total == 1) != cases[i].found)
            fail_msg("%s in %s", cases[i].asked, cases[i].title);
    }
    take_away(SLICE("media_0000000000010000000000000X"));
}

static void changes(void **state)
{
    struct list_filter tagged = {.owner = fx.me, .tag = SLICE("three"), .limit = 3};
    struct list_filter named = {.owner = fx.me, .text = SLICE("renamed"), .limit = 3};
    struct media media = item(3);

    media.title = SLICE("Renamed");
    put(&media); /* of the rev that is there */
    assert_int_equal(found(&named).total, 0);
    media.rev = 2, media.tag_count = 0, media.type = MEDIA_AUDIO;
    put(&media);
    expect(named, "3", 1);
    assert_int_equal(found(&tagged).total, 8);
    take_away(media.id);
    take_away(media.id);
    expect(named, "", 0);
    named = (struct list_filter){.owner = fx.me, .limit = 2, .skip = 21};
    expect(named, "2 1", MINE - 1);
    media = item(3);
    put(&media);
    assert_int_equal(found(&tagged).total, 9);
}

/* All pages by cursor, while what was given comes again and others come and go. */
static void walk(enum catalogue_sort sort, bool ascending)
{
    struct list_filter filter = {.owner = fx.me, .sort = sort, .ascending = ascending, .limit = 4};
    bool seen[MINE] = {false};
    struct list_page page;
    unsigned pages = 0;

    do {
        page = found(&filter);
        for (size_t i = 0; i < page.n; i++)
            for (unsigned j = 0; j < MINE; j++)
                if (slice_eq(page.ids[i], fx.ids[j])) {
                    assert_false(seen[j]);
                    seen[j] = true;
                }
        struct media come = item(pages);
        come.id = arena_printf(fx.arena, "media_%026u", pages);
        put(&come);
        if (pages > 0)
            take_away(arena_printf(fx.arena, "media_%026u", pages - 1));
        if (page.next.set)
            assert_true(list_cursor_parse(fx.arena,
                                          list_cursor_format(fx.arena, &filter, &page.next),
                                          &filter, &filter.after));
        pages++;
    } while (page.next.set);
    for (unsigned j = 0; j < MINE; j++)
        assert_true(seen[j]);
    take_away(arena_printf(fx.arena, "media_%026u", pages - 1));
}

static void cursors(void **state)
{
    struct list_filter filter = {.owner = fx.me, .limit = 4}, other = filter;
    struct list_cursor cursor;

    for (enum catalogue_sort sort = 0; sort < SORT_COUNT; sort++) {
        walk(sort, false);
        walk(sort, true);
    }
    struct list_page page = found(&filter);
    struct slice text = list_cursor_format(fx.arena, &filter, &page.next);
    other.sort = SORT_TITLE;
    assert_false(list_cursor_parse(fx.arena, text, &other, &cursor));
    other = filter, other.ascending = true;
    assert_false(list_cursor_parse(fx.arena, text, &other, &cursor));
    assert_false(list_cursor_parse(fx.arena, SLICE("nonsense"), &filter, &cursor));
    assert_false(list_cursor_parse(fx.arena, SLICE("?"), &filter, &cursor));
}

/* A page that ended at what is gone, and rows that come late, in each order. */
static void gone_and_late(void **state)
{
    struct list_filter filter = {.owner = SLICE("user_of_gaps"), .limit = 2};
    static const unsigned created[] = {10, 20, 30, 15, 40, 5, 35}; /* as they come */
    static const char *const sorted[] = {"5", "10", "15", "20", "30", "35", "40"};

    for (enum catalogue_sort sort = 0; sort < SORT_COUNT; sort++)
        for (int ascending = 0; ascending < 2; ascending++) {
            filter = (struct list_filter){
                .owner = filter.owner, .limit = 2, .sort = sort, .ascending = ascending};
            for (size_t i = 0; i < COUNT_OF(created); i++) {
                struct media media = item(0);

                media.owner = filter.owner;
                media.id = arena_printf(fx.arena, "media_GAP%u", created[i]);
                media.title = arena_printf(fx.arena, "%02u", created[i]);
                media.size = created[i];
                media.created_ms = created[i];
                media.taken_ms = (int64_t)created[i];
                put(&media);
            }
            for (size_t at = 0; at < COUNT_OF(created); at += 2) {
                struct list_page page = found(&filter);

                for (size_t i = 0; i < page.n; i++) {
                    size_t wanted = ascending ? at + i : COUNT_OF(created) - 1 - at - i;
                    assert_true(slice_eq(page.ids[i],
                                         arena_printf(fx.arena, "media_GAP%s", sorted[wanted])));
                    take_away(page.ids[i]);
                }
                assert_int_equal(page.n, at + 2 <= COUNT_OF(created) ? 2 : 1);
                assert_int_equal(page.total, COUNT_OF(created) - at);
                filter.after = page.next;
            }
            assert_false(filter.after.set);
        }
    filter.after.set = false;
    assert_int_equal(found(&filter).total, 0);
}

/* Spans of what was made, with late ones among them, at every bound. */
static void spans_of_late_ones(void **state)
{
    struct list_filter filter = {
        .owner = SLICE("user_of_spans"), .limit = 50, .by_created = true, .ascending = true};
    unsigned made[40];

    for (unsigned i = 0; i < COUNT_OF(made); i++) {
        struct media media = item(0);

        made[i] = i * 7 % 40;
        media.owner = filter.owner;
        media.id = arena_printf(fx.arena, "media_SPAN%02u", made[i]);
        media.created_ms = made[i];
        media.taken_ms = INT64_C(86400000) * (made[i] * 11) + 5 * made[i] + 1;
        put(&media);
    }
    for (int from = 0; from <= 40; from++)
        for (int before = from; before <= 41; before += 3) {
            int wanted = (before < 40 ? before : 40) - from;
            struct list_filter taken = {.owner = filter.owner, .limit = 50, .by_taken = true};

            filter.created_from = from;
            filter.created_before = before;
            struct list_page page = found(&filter);
            assert_int_equal(page.total, wanted);
            for (size_t i = 0; i < page.n; i++)
                assert_true(
                    slice_eq(page.ids[i], arena_printf(fx.arena, "media_SPAN%02d", from + (int)i)));
            taken.taken_from = INT64_C(86400000) * (from * 11) + 5 * from + 1;
            taken.taken_before = INT64_C(86400000) * (before * 11) + 5 * before + 1;
            assert_int_equal(found(&taken).total, wanted);
            taken.taken_from++;
            assert_int_equal(found(&taken).total, wanted ? wanted - 1 : 0);
        }
    for (unsigned i = 0; i < COUNT_OF(made); i++)
        take_away(arena_printf(fx.arena, "media_SPAN%02u", i));
}

/* Many of one millisecond, in the order of their ids and none in another's place. */
static void one_moment(void **state)
{
    struct list_filter filter = {
        .owner = SLICE("user_of_a_moment"), .limit = 100, .ascending = true};

    for (unsigned i = 0; i < 60; i++) {
        struct media media = item(0);

        media.owner = filter.owner;
        media.id = arena_printf(fx.arena, "media_0000000000%04uSAME%08u", i / 30, i);
        media.created_ms = 1;
        put(&media);
    }
    struct list_page page = found(&filter);
    assert_int_equal(page.n, 60);
    for (size_t i = 1; i < page.n; i++)
        assert_true(slice_compare(page.ids[i - 1], page.ids[i]) < 0);
    for (size_t i = 0; i < page.n; i++)
        take_away(page.ids[i]);
}

static void never_older_than_asked(void **state)
{
    struct list_filter filter = {.owner = fx.me, .limit = 1};
    struct list_need need = {1, first};
    struct head next = {.epoch = 7, .offset = 6, .hash = "ffffffffffffffff"};
    struct list_page page;

    assert_true(fx.heads[1].epoch == 7 && fx.heads[1].offset == 5);
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page), OK);
    need.head.offset = 6;
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page),
                     ERR_CATALOGUE_BEHIND);
    assert_true(catalogue_begin(fx.catalogue) && catalogue_place(fx.catalogue, 1, &next));
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page),
                     ERR_CATALOGUE_BEHIND);
    assert_true(catalogue_commit(fx.catalogue));
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page),
                     ERR_CATALOGUE_BEHIND); /* another history's sixth */
    need.head = next;
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page), OK);
    need.head.epoch = 8;
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page),
                     ERR_CATALOGUE_BEHIND);
    need.partition = 9;
    assert_int_equal(search_list(fx.search, fx.arena, &filter, &need, 1, &page),
                     ERR_CATALOGUE_BEHIND);
}

static void copy(const char *name, size_t damage_at)
{
    struct slice bytes = scratch_read(fx.arena, "whole.db");
    char *mine = arena_alloc(fx.arena, bytes.n);

    memcpy(mine, bytes.p, bytes.n);
    for (size_t i = damage_at; i < damage_at + 64 && i < bytes.n; i++)
        mine[i] = (char)(mine[i] ^ 0x5a);
    scratch_write(name, (struct slice){mine, bytes.n}, 0);
}

/* Each 4096 bytes in turn: what is opened in spite of it answers as before. */
static void damaged(void **state)
{
    struct head heads[PARTITIONS];
    const char *path = scratch_path("whole.db");
    struct catalogue *whole = catalogue_create(path);

    for (unsigned i = 0; i < MINE; i++) {
        struct media media = item(i);
        assert_true(catalogue_put(whole, fx.arena, &media));
    }
    for (unsigned i = 0; i < PARTITIONS; i++)
        assert_true(catalogue_place(whole, i, &first));
    catalogue_close(whole);
    assert_null(catalogue_open(path, PARTITIONS, heads)); /* not complete */
    whole = catalogue_create(path);
    for (unsigned i = 0; i < PARTITIONS; i++)
        assert_true(catalogue_place(whole, i, &first));
    for (unsigned i = 0; i < MINE; i++) {
        struct media media = item(i);
        assert_true(catalogue_put(whole, fx.arena, &media));
    }
    assert_true(catalogue_complete(whole));
    catalogue_close(whole);
    assert_null(catalogue_open(path, PARTITIONS + 1, heads));
    assert_null(catalogue_open(scratch_path("none.db"), PARTITIONS, heads));

    log_init("test", LOG_ERROR);
    size_t size = scratch_read(fx.arena, "whole.db").n, refused = 0;
    for (size_t at = 0; at < size; at += 4096) {
        copy("bad.db", at);
        struct catalogue *bad = catalogue_open(scratch_path("bad.db"), PARTITIONS, heads);
        refused += bad == NULL;
        catalogue_close(bad);
    }
    assert_true(refused >= size / 4096 - 2);
    scratch_write("bad.db", SLICE("This is no database at all, but a text."), 0);
    assert_null(catalogue_open(scratch_path("bad.db"), PARTITIONS, heads));
}

static void put_down(const char *name, const char *as)
{
    scratch_write(as, scratch_read(fx.arena, name), 0);
}

/* A log that was left beside a file that is not its own any more. */
static void a_log_of_another(void **state)
{
    struct head heads[PARTITIONS];
    struct media media = item(5);

    put_down("whole.db", "one.db");
    struct catalogue *one = catalogue_open(scratch_path("one.db"), PARTITIONS, heads);
    media.rev = 7;
    assert_true(catalogue_begin(one) && catalogue_put(one, fx.arena, &media) &&
                catalogue_place(one, 0, &first) && catalogue_commit(one));
    put_down("one.db", "copy.db");
    put_down("one.db-wal", "copy.db-wal");
    catalogue_close(one);
    struct catalogue *copy = catalogue_open(scratch_path("copy.db"), PARTITIONS, heads);
    assert_non_null(copy);
    catalogue_close(copy);

    struct catalogue *two = catalogue_create(scratch_path("two.db"));
    for (unsigned i = 0; i < PARTITIONS; i++)
        assert_true(catalogue_place(two, i, &first));
    assert_true(catalogue_complete(two));
    catalogue_close(two);
    one = catalogue_open(scratch_path("one.db"), PARTITIONS, heads);
    media.rev = 8;
    assert_true(catalogue_begin(one) && catalogue_put(one, fx.arena, &media) &&
                catalogue_place(one, 0, &first) && catalogue_commit(one));
    put_down("one.db-wal", "two.db-wal");
    catalogue_close(one);
    assert_null(catalogue_open(scratch_path("two.db"), PARTITIONS, heads));
}

/* Whoever reads tells what is no database from what is not there (yet). */
static void unfit_for_readers(void **state)
{
    struct list_filter filter = {.owner = fx.me, .limit = 1};
    struct search *search;
    struct list_page page;

    assert_int_equal(search_open(scratch_path("nowhere.db"), &search), ERR_CATALOGUE_BEHIND);
    scratch_write("noise.db", SLICE("This is no database at all, but a text."), 0);
    enum err err = search_open(scratch_path("noise.db"), &search);
    if (err == OK) { /* it is not read before it is asked */
        err = search_list(search, fx.arena, &filter, NULL, 0, &page);
        search_close(search);
    }
    assert_int_equal(err, ERR_INTERNAL);
}

static int group_setup(void **state)
{
    return scratch_setup(state) || setup(state);
}

static int group_teardown(void **state)
{
    teardown(state);
    return scratch_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(words),
        cmocka_unit_test(changes),
        cmocka_unit_test(cursors),
        cmocka_unit_test(one_moment),
        cmocka_unit_test(never_older_than_asked),
        cmocka_unit_test(damaged),
        cmocka_unit_test(unfit_for_readers),
        cmocka_unit_test(a_log_of_another),
        cmocka_unit_test(gone_and_late),
        cmocka_unit_test(spans_of_late_ones),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
