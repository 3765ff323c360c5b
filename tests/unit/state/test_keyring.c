#include "state_by_hand.h"
#include "state_fixture.h"

#include "base/key_file.h"
#include "base/text.h"
#include "state/keyring.h"
#include "state/secret.h"

#include <stdlib.h>

static const struct slice key = HAND_KEYRING;

static struct slice stored(struct task *task, struct state *state)
{
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("GET"), key), OK);
    return v.text;
}

static void store(struct task *task, struct state *state, struct slice text)
{
    struct redis_value v;

    assert_int_equal(redis_command(task, state->durable, &v, SLICE("SET"), key, text), OK);
}

static bool holds(struct slice text, struct slice part)
{
    return memmem(text.p, text.n, part.p, part.n) != NULL;
}

static void is_made_once_and_sealed(struct task *task, struct state *state)
{
    struct keyring one, two;
    struct slice name;

    assert_int_equal(keyring_sealed_by(task, state, &name), OK);
    assert_int_equal(name.n, 0);
    assert_int_equal(keyring_load(task, state, &one), OK);
    assert_int_equal(keyring_load(task, state, &two), OK);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(one.n, 1);
    assert_int_equal(one.link_n, 1);
    assert_ptr_equal(keyring_find(&one, slice_from(one.token_keys[0].kid)), &one.token_keys[0]);
    assert_null(keyring_find(&one, SLICE("")));
    assert_null(keyring_find(&one, SLICE("0000000000000000x")));
    assert_int_equal(keyring_sealed_by(task, state, &name), OK);
    assert_int_equal(name.n, SEAL_NAME_BYTES);
    assert_false(
        holds(stored(task, state), text_hex(task->arena, one.token_keys[0].secret, KEY_BYTES)));
}

#define OLD_TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OLD_LINK "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void a_plain_one_is_sealed(struct task *task, struct state *state)
{
    struct keyring one, two;
    uint8_t secret[KEY_BYTES];

    store(task, state, SLICE("token 0123456789abcdef " OLD_TOKEN "\nlink " OLD_LINK "\n"));
    assert_int_equal(keyring_load(task, state, &one), OK);
    assert_string_equal(one.token_keys[0].kid, "0123456789abcdef");
    assert_true(text_unhex(SLICE(OLD_TOKEN), secret, sizeof secret));
    assert_memory_equal(one.token_keys[0].secret, secret, sizeof secret);
    assert_false(holds(stored(task, state), SLICE(OLD_TOKEN)));
    assert_int_equal(keyring_load(task, state, &two), OK);
    assert_memory_equal(&one, &two, sizeof one);
}

static void what_is_not_ours_is_refused(struct task *task, struct state *state)
{
    static const char *const texts[] = {
        "junk",
        "",
        "token 0123456789abcdef " OLD_TOKEN "\n",
        "link " OLD_LINK "\n",
        "token 0123456789abcdef " OLD_TOKEN " x 0\nlink " OLD_LINK "\n",
        "sealed:1:00000000:AAAA",
        "sealed:1:",
    };
    struct keyring keyring;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        store(task, state, slice_from(texts[i]));
        assert_int_equal(keyring_load(task, state, &keyring), ERR_INTERNAL);
    }
    /* Nobody who can write to Redis can bring back, or make up, what is sealed for elsewhere. */
    store(task, state,
          secret_seal(task->arena, SLICE("another place"),
                      SLICE("token 0123456789abcdef " OLD_TOKEN "\nlink " OLD_LINK "\n")));
    assert_int_equal(keyring_load(task, state, &keyring), ERR_INTERNAL);
}

static void a_rotation_keeps_the_old_for_their_time(struct task *task, struct state *state)
{
    struct keyring before, after;
    uint64_t now_s = clock_unix_ms() / 1000;

    assert_int_equal(keyring_load(task, state, &before), OK);
    assert_int_equal(keyring_rotate(task, state, false), OK);
    assert_int_equal(keyring_load(task, state, &after), OK);
    assert_int_equal(after.n, 2);
    assert_int_equal(after.link_n, 2);
    /* It signs until everybody has the new one. */
    assert_string_equal(after.token_keys[0].kid, before.token_keys[0].kid);
    assert_in_range(after.token_keys[1].from_s, now_s + 1, now_s + 60);
    assert_in_range(after.token_keys[0].until_s, now_s + 3600, now_s + 2 * 3600);
    assert_int_equal(after.token_keys[1].until_s, 0);
    for (int i = 0; i < 2 * KEYRING_MAX; i++)
        assert_int_equal(keyring_rotate(task, state, false), OK);
    assert_int_equal(keyring_load(task, state, &after), OK);
    assert_int_equal(after.n, KEYRING_MAX);
}

static void at_once_the_old_end(struct task *task, struct state *state)
{
    struct keyring before, after;

    assert_int_equal(keyring_load(task, state, &before), OK);
    assert_int_equal(keyring_rotate(task, state, true), OK);
    assert_int_equal(keyring_load(task, state, &after), OK);
    assert_int_equal(after.n, 1);
    assert_int_equal(after.link_n, 1);
    assert_null(keyring_find(&after, slice_from(before.token_keys[0].kid)));
    assert_memory_not_equal(after.link_keys[0].secret, before.link_keys[0].secret, KEY_BYTES);
    store(task, state, SLICE("sealed:1:00000000:AAAA"));
    assert_int_equal(keyring_rotate(task, state, false), ERR_INTERNAL);
    assert_int_equal(keyring_rotate(task, state, true), OK);
    assert_int_equal(keyring_load(task, state, &after), OK);
}

/* As it is after the new key's first second, and after the old one's last. */
static void keys_begin_and_end_by_the_clock(struct task *task, struct state *state)
{
    unsigned long long now_s = clock_unix_ms() / 1000;
    struct keyring keyring;

    store(task, state,
          secret_seal(task->arena, key,
                      arena_printf(task->arena,
                                   "token bbbbbbbbbbbbbbbb " OLD_TOKEN " %llu 0\n"
                                   "token aaaaaaaaaaaaaaaa " OLD_TOKEN " 0 %llu\n"
                                   "token cccccccccccccccc " OLD_TOKEN " 0 %llu\n"
                                   "link " OLD_LINK " 0 0\nlink " OLD_TOKEN " 0 %llu\n",
                                   now_s - 1, now_s + 3000, now_s - 1, now_s - 1)));
    assert_int_equal(keyring_load(task, state, &keyring), OK);
    assert_int_equal(keyring.n, 2);
    assert_int_equal(keyring.link_n, 1);
    assert_string_equal(keyring.token_keys[0].kid, "bbbbbbbbbbbbbbbb");
    assert_string_equal(keyring.token_keys[1].kid, "aaaaaaaaaaaaaaaa");
}

static const char *key_path(void)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/hub.key", redis_fixture_folder());
    return path;
}

static void the_key_file_fits_the_state(struct task *task, struct state *state)
{
    struct slice path = slice_from(key_path()), problem;
    struct keyring keyring;

    unlink(path.p);
    assert_int_equal(keyring_unlock(task, state, path, &problem), OK);
    assert_int_equal(keyring_load(task, state, &keyring), OK);
    assert_int_equal(keyring_unlock(task, state, path, &problem), OK);
    assert_int_equal(chmod(path.p, 0640), 0);
    assert_int_equal(keyring_unlock(task, state, path, &problem), ERR_CONFLICT);
    assert_true(holds(problem, SLICE("chmod 600")));
    assert_int_equal(unlink(path.p), 0);
    assert_int_equal(keyring_unlock(task, state, path, &problem), ERR_CONFLICT);
    assert_true(holds(problem, SLICE("missing")));
    assert_int_equal(access(path.p, F_OK), -1);
    struct seal_key other;
    assert_int_equal(key_file_make(task->arena, path, &other, &problem), KEY_FILE_READ);
    assert_int_equal(keyring_unlock(task, state, path, &problem), ERR_CONFLICT);
    assert_true(holds(problem, SLICE("another key")));
    int fd = open(path.p, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "junk\n", 5), 5);
    close(fd);
    assert_int_equal(keyring_unlock(task, state, path, &problem), ERR_CONFLICT);
    unlink(path.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(1, is_made_once_and_sealed),
        STATE_TEST(1, a_plain_one_is_sealed),
        STATE_TEST(1, what_is_not_ours_is_refused),
        STATE_TEST(1, a_rotation_keeps_the_old_for_their_time),
        STATE_TEST(1, at_once_the_old_end),
        STATE_TEST(1, keys_begin_and_end_by_the_clock),
        STATE_TEST(1, the_key_file_fits_the_state),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
