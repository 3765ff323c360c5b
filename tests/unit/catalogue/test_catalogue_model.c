/* The catalogue against a plain array: media come, change and go in random order, and every list of
 * random filters, orders and pages is what sorting the array gives. */
#include "scratch.h"

#include "catalogue/catalogue.h"
#include "catalogue/search.h"

#include <stdlib.h>

enum { ITEMS = 300, OWNERS = 3, ROUNDS = 12, QUERIES = 120, CHANGES = 120, TAGS = 4, WORDS = 6 };

static const char *const words[WORDS] = {"sea", "seaside", "night", "nail", "42", "4"};
static const char *const tags[TAGS] = {"a", "b", "c d", "e"};

static struct {
    struct arena *arena; /* of the items */
    struct catalogue *catalogue;
    struct search *search;
    struct media items[ITEMS];
    bool there[ITEMS];
    unsigned order[ITEMS]; /* of arrival, which decides between equals */
    unsigned arrivals;
} fx;

static unsigned below(unsigned n)
{
    static uint32_t state = 2463534242;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static struct slice owner(unsigned i)
{
    return arena_printf(fx.arena, "user_%u", i);
}

/* Of a few values each, so that many are equal. */
static struct media draw(unsigned i, uint64_t created_ms)
{
    struct slice *list = ARENA_ARRAY(fx.arena, struct slice, 2);

    list[0] = slice_from(tags[below(TAGS)]);
    list[1] = slice_from(tags[below(TAGS)]);
    return (struct media){
        .id = arena_printf(fx.arena, "media_%08u", i),
        .rev = fx.items[i].rev + 1,
        .owner = owner(i % OWNERS),
        .title = arena_printf(fx.arena, "%s %s", words[below(WORDS)], words[below(WORDS)]),
        .filename = slice_from(words[below(WORDS)]),
        .type = (enum media_type)below(3),
        .size = below(20),
        .tags = list,
        .tag_count = below(3),
        .taken_ms = below(4) ? (int64_t)below(40) * 43200000 - 200000000 : 0,
        .created_ms = created_ms,
    };
}

static void change_some(void)
{
    assert_true(catalogue_begin(fx.catalogue));
    for (unsigned n = 0; n < CHANGES; n++) {
        unsigned i = below(ITEMS);

        if (fx.there[i] && below(3) == 0) {
            assert_true(catalogue_remove(fx.catalogue, fx.arena, fx.items[i].id));
            fx.there[i] = false;
            continue;
        }
        /* Mostly in order, some late. */
        uint64_t created_ms = fx.there[i]     ? fx.items[i].created_ms
                              : below(8) == 0 ? 1 + below(fx.arrivals + 1)
                                              : fx.arrivals + 1;
        if (!fx.there[i])
            fx.order[i] = fx.arrivals++;
        fx.items[i] = draw(i, created_ms);
        fx.there[i] = true;
        assert_true(catalogue_put(fx.catalogue, fx.arena, &fx.items[i]));
    }
    assert_true(catalogue_commit(fx.catalogue));
}

/* -- The array's answer ----------------------------------------------------------------------- */

static bool begins_a_word(struct slice text, struct slice beginning)
{
    struct slice one;

    while (slice_split(text, ' ', &one, &text))
        if (slice_starts_with(one, beginning))
            return true;
    return false;
}

static bool has_words(const struct media *media, struct slice asked)
{
    struct slice one;

    while (slice_split(asked, ' ', &one, &asked))
        if (one.n && !begins_a_word(media->title, one) && !begins_a_word(media->filename, one))
            return false;
    return true;
}

static bool has_tag(const struct media *media, struct slice tag)
{
    for (size_t i = 0; i < media->tag_count; i++)
        if (slice_eq(media->tags[i], tag))
            return true;
    return false;
}

static int64_t taken(const struct media *media)
{
    return media->taken_ms ? media->taken_ms : (int64_t)media->created_ms;
}

static bool is_meant(const struct media *media, const struct list_filter *filter)
{
    int64_t created_ms = (int64_t)media->created_ms;

    return (!filter->owner.n || slice_eq(filter->owner, media->owner)) &&
           (!filter->by_type || filter->type == media->type) &&
           (!filter->tag.n || has_tag(media, filter->tag)) &&
           (!filter->text.n || has_words(media, filter->text)) &&
           (!filter->by_created ||
            (created_ms >= filter->created_from && created_ms < filter->created_before)) &&
           (!filter->by_taken ||
            (taken(media) >= filter->taken_from && taken(media) < filter->taken_before));
}

static const struct list_filter *sorting;

static int compare(const void *a, const void *b)
{
    unsigned i = *(const unsigned *)a, k = *(const unsigned *)b;
    const struct media *x = &fx.items[i], *y = &fx.items[k];
    int order = 0;

    if (sorting->sort == SORT_TITLE)
        order = slice_compare(x->title, y->title);
    else if (sorting->sort == SORT_SIZE)
        order = (x->size > y->size) - (x->size < y->size);
    else if (sorting->sort == SORT_TAKEN_MS)
        order = (taken(x) > taken(y)) - (taken(x) < taken(y));
    else
        order = (x->created_ms > y->created_ms) - (x->created_ms < y->created_ms);
    if (order == 0)
        order = (fx.order[i] > fx.order[k]) - (fx.order[i] < fx.order[k]);
    return sorting->ascending ? order : -order;
}

static size_t expected(const struct list_filter *filter, unsigned *out)
{
    size_t n = 0;

    for (unsigned i = 0; i < ITEMS; i++)
        if (fx.there[i] && is_meant(&fx.items[i], filter))
            out[n++] = i;
    sorting = filter;
    qsort(out, n, sizeof *out, compare);
    return n;
}

/* -- Questions -------------------------------------------------------------------------------- */

static void draw_span(int64_t *from, int64_t *before, int64_t least, int64_t most)
{
    int64_t width = most - least;

    *from = below(4) ? least + (int64_t)below(1000) * width / 1000 : INT64_MIN;
    *before = below(4) ? least + (int64_t)below(1000) * width / 1000 : INT64_MAX;
}

static struct list_filter draw_filter(struct arena *arena)
{
    struct list_filter filter = {
        .owner = below(5) ? owner(below(OWNERS)) : SLICE_NONE,
        .by_type = below(4) == 0,
        .type = (enum media_type)below(3),
        .tag = below(4) ? SLICE_NONE : slice_from(tags[below(TAGS)]),
        .sort = (enum catalogue_sort)below(SORT_COUNT),
        .ascending = below(2),
        .skip = below(3) ? below(60) : 0,
        .limit = 1 + below(20),
        .by_created = below(4) == 0,
        .by_taken = below(4) == 0,
    };

    if (below(3) == 0) {
        struct slice one = slice_from(words[below(WORDS)]);
        one.n = 1 + below((unsigned)one.n);
        filter.text =
            below(2) ? one : arena_printf(arena, "%.*s %s", SLICE_ARG(one), words[below(WORDS)]);
    }
    draw_span(&filter.created_from, &filter.created_before, 0, fx.arrivals + 2);
    draw_span(&filter.taken_from, &filter.taken_before, -250000000, 2000000000);
    return filter;
}

static void check_page(struct arena *arena, const struct list_filter *filter,
                       struct list_page *page)
{
    unsigned wanted[ITEMS];
    size_t n = expected(filter, wanted), from = filter->skip < n ? (size_t)filter->skip : n;
    size_t count = n - from < filter->limit ? n - from : (size_t)filter->limit;

    assert_int_equal(search_list(fx.search, arena, filter, NULL, 0, page), OK);
    assert_int_equal(page->total, n);
    assert_int_equal(page->n, count);
    for (size_t i = 0; i < count; i++)
        assert_true(slice_eq(page->ids[i], fx.items[wanted[from + i]].id));
    assert_int_equal(page->next.set, from + count < n);
}

/* The page behind the cursor is the next one by number. */
static void check_next(struct arena *arena, struct list_filter filter, const struct list_page *page)
{
    struct list_page behind, next;

    if (!page->next.set)
        return;
    filter.skip += filter.limit;
    check_page(arena, &filter, &next);
    assert_true(list_cursor_parse(arena, list_cursor_format(arena, &filter, &page->next), &filter,
                                  &filter.after));
    assert_int_equal(search_list(fx.search, arena, &filter, NULL, 0, &behind), OK);
    assert_int_equal(behind.n, next.n);
    assert_int_equal(behind.next.set, next.next.set);
    for (size_t i = 0; i < next.n; i++)
        assert_true(slice_eq(behind.ids[i], next.ids[i]));
}

static void same_as_an_array(void **state)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        change_some();
        for (unsigned i = 0; i < QUERIES; i++) {
            struct arena *arena = arena_new();
            struct list_filter filter = draw_filter(arena);
            struct list_page page;

            check_page(arena, &filter, &page);
            check_next(arena, filter, &page);
            arena_free(arena);
        }
    }
}

static int setup(void **state)
{
    static const struct head head = {.epoch = 7, .offset = 5, .hash = "0123456789abcdef"};
    struct head heads[1];

    if (scratch_setup(state))
        return -1;
    const char *path = scratch_path("catalogue.db");
    fx.arena = arena_new();
    struct catalogue *made = catalogue_create(path);
    assert_true(catalogue_begin(made) && catalogue_place(made, 0, &head) &&
                catalogue_commit(made) && catalogue_complete(made));
    catalogue_close(made);
    fx.catalogue = catalogue_open(path, 1, heads);
    assert_int_equal(search_open(path, &fx.search), OK);
    assert_non_null(fx.catalogue);
    return 0;
}

static int teardown(void **state)
{
    search_close(fx.search);
    catalogue_close(fx.catalogue);
    arena_free(fx.arena);
    return scratch_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_an_array)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
