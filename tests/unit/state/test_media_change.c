/* Describing media anew and creating them once per key, against a real server. */
#include "state_fixture.h"

#include "state/id.h"
#include "state/media.h"

static struct slice owner;

static struct media photo(struct task *task, const char *title, struct slice once)
{
    struct slice *tags = ARENA_ARRAY(task->arena, struct slice, 2);

    tags[0] = SLICE("sea");
    tags[1] = SLICE("night");
    return (struct media){.owner = owner,
                          .title = slice_from(title),
                          .description = SLICE("Text"),
                          .mime_type = SLICE("image/jpeg"),
                          .sha256 = sha256_hex(task->arena, SLICE("content")),
                          .size = 7,
                          .tags = tags,
                          .tag_count = 2,
                          .once = once};
}

static struct media created(struct task *task, struct state *state, const char *title)
{
    struct media media = photo(task, title, SLICE_NONE);

    assert_int_equal(media_create(task, state, &media, NULL), OK);
    return media;
}

static uint64_t listed(struct task *task, struct state *state, struct slice tag)
{
    struct media_filter filter = {.owner = owner, .tag = tag, .limit = 10};
    struct media *found;
    uint64_t total;
    size_t n;

    assert_int_equal(media_list(task, state, &filter, &found, &n, &total), OK);
    return total;
}

static void update(struct task *task, struct state *state)
{
    owner = id_new(task->arena, SLICE("user_"), 0);
    struct media was = created(task, state, "Old"), now = was, found;
    struct slice tags[] = {SLICE("night"), SLICE("moon")};

    now.title = SLICE("New");
    now.description = SLICE("");
    now.tags = tags;
    now.is_public = true;
    assert_int_equal(media_update(task, state, &was, &now), OK);
    assert_int_equal(media_load(task, state, was.id, &found), OK);
    assert_true(slice_eq(found.title, SLICE("New")) && found.description.n == 0);
    assert_true(found.is_public && found.updated_ms == now.updated_ms);
    assert_true(found.created_ms == was.created_ms && found.size == 7);
    assert_int_equal(listed(task, state, SLICE("sea")), 0);
    assert_int_equal(listed(task, state, SLICE("night")), 1);
    assert_int_equal(listed(task, state, SLICE("moon")), 1);
    assert_int_equal(listed(task, state, SLICE_NONE), 1);

    /* Whoever still holds the old tags would take it out of the wrong indexes. */
    assert_int_equal(media_update(task, state, &was, &now), ERR_CONFLICT);
    assert_int_equal(media_delete(task, state, &found), OK);
    assert_int_equal(media_update(task, state, &found, &now), ERR_NOT_FOUND);
}

static void test_update(void **unused)
{
    with_state(1, update);
}

static void once(struct task *task, struct state *state)
{
    owner = id_new(task->arena, SLICE("user_"), 0);
    struct media first = photo(task, "First", SLICE("key")), second = first, found;

    assert_int_equal(media_find_once(task, state, owner, SLICE("key"), &found), ERR_NOT_FOUND);
    assert_int_equal(media_create(task, state, &first, NULL), OK);
    assert_int_equal(media_create(task, state, &second, NULL), ERR_CONFLICT);
    assert_int_equal(media_find_once(task, state, owner, SLICE("key"), &found), OK);
    assert_true(slice_eq(found.id, first.id));
    assert_int_equal(listed(task, state, SLICE_NONE), 1);

    /* Another key, another owner: nothing stands in the way. */
    second.once = SLICE("other key");
    assert_int_equal(media_create(task, state, &second, NULL), OK);
    struct slice stranger = id_new(task->arena, SLICE("user_"), 0);
    assert_int_equal(media_find_once(task, state, stranger, SLICE("key"), &found), ERR_NOT_FOUND);
    second.owner = stranger;
    second.once = SLICE("key");
    assert_int_equal(media_create(task, state, &second, NULL), OK);

    assert_int_equal(media_delete(task, state, &first), OK);
    assert_int_equal(media_find_once(task, state, owner, SLICE("key"), &found), ERR_NOT_FOUND);
}

static void test_once(void **unused)
{
    with_state(1, once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_once),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
