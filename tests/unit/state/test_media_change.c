/* Describing media anew, against a real server. */
#include "media_fixture.h"
#include "state_fixture.h"

#include "state/id.h"
#include "state/media.h"

static struct slice owner;

static struct media photo(struct task *task, const char *title)
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
                          .tag_count = 2};
}

static struct media created(struct task *task, struct state *state, const char *title)
{
    struct media media = photo(task, title);

    assert_int_equal(media_create(task, state, &media, NULL, NULL, NULL), OK);
    return media;
}

static struct slice night[] = {SLICE_INIT("night"), SLICE_INIT("moon")};

static enum err rewrite(struct media *now, void *arg)
{
    now->title = SLICE("New");
    now->description = SLICE("");
    now->tags = night;
    now->tag_count = COUNT_OF(night);
    now->is_public = true;
    return OK;
}

static void update(struct task *task, struct state *state)
{
    owner = id_new(task->arena, SLICE("user_"), 0);
    struct media was = created(task, state, "Old"), now, found;

    assert_int_equal(media_change(task, state, was.id, rewrite, NULL, &now), OK);
    assert_int_equal(media_load(task, state, was.id, &found), OK);
    assert_true(slice_eq(found.title, SLICE("New")) && found.description.n == 0);
    assert_true(found.is_public && found.updated_ms == now.updated_ms);
    assert_true(found.created_ms == was.created_ms && found.size == 7);
    assert_true(found.tag_count == 2 && slice_eq(found.tags[1], SLICE("moon")));
    assert_int_equal(delete_media(task, state, &was), OK);
    assert_int_equal(media_change(task, state, was.id, rewrite, NULL, &now), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, update),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
