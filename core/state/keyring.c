#include "state/keyring.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/key_file.h"
#include "base/log.h"
#include "base/text.h"
#include "state/secret.h"

#include <assert.h>
#include <string.h>

/* "hub:keyring" is one text, sealed, so that two gateways at a first start agree on one of their
 * offers. A line per key, newest first:
 *     token <kid> <64 hex digits> [<signs from> <ends>]
 *     link <64 hex digits> [<signs from> <ends>]
 * both in Unix seconds; 0, or nothing: always. */
enum { KID_HEX = 16, LINES_MAX = 2 * KEYRING_MAX };

static const struct slice place = SLICE_INIT("hub:keyring");

/* -- The text --------------------------------------------------------------------------------- */

static bool take_times(struct slice text, struct signing_key *key)
{
    struct slice from, until;

    if (!text.p)
        return true;
    return slice_split(text, ' ', &from, &until) && slice_to_u64(from, &key->from_s) &&
           slice_to_u64(until, &key->until_s);
}

static bool take_secret(struct slice text, struct signing_key *key)
{
    struct slice secret, times;

    return slice_split(text, ' ', &secret, &times) && text_unhex(secret, key->secret, KEY_BYTES) &&
           take_times(times, key);
}

static bool take_token_key(struct slice text, struct signing_key *key)
{
    struct slice kid, rest;

    if (!slice_split(text, ' ', &kid, &rest) || kid.n != KID_HEX || !take_secret(rest, key))
        return false;
    memcpy(key->kid, kid.p, KID_HEX);
    key->kid[KID_HEX] = '\0';
    return true;
}

static bool take_line(struct slice line, struct keyring *out)
{
    struct signing_key key = {.kid = ""};

    if (slice_starts_with(line, SLICE("token ")) && out->n < KEYRING_MAX &&
        take_token_key(slice_from_offset(line, 6), &key))
        out->token_keys[out->n++] = key;
    else if (slice_starts_with(line, SLICE("link ")) && out->link_n < KEYRING_MAX &&
             take_secret(slice_from_offset(line, 5), &key))
        out->link_keys[out->link_n++] = key;
    else
        return line.n == 0;
    return true;
}

static bool parse(struct slice text, struct keyring *out)
{
    struct slice line;

    *out = (struct keyring){.n = 0};
    while (slice_split(text, '\n', &line, &text))
        if (!take_line(line, out))
            return false;
    return out->n > 0 && out->link_n > 0;
}

static struct slice write_key(struct arena *arena, const char *word, const struct signing_key *key)
{
    return arena_printf(arena, "%s%s%s %.*s %llu %llu\n", word, *key->kid ? " " : "", key->kid,
                        SLICE_ARG(text_hex(arena, key->secret, KEY_BYTES)),
                        (unsigned long long)key->from_s, (unsigned long long)key->until_s);
}

static struct slice write_all(struct arena *arena, const struct keyring *keyring)
{
    struct slice text = SLICE("");

    for (size_t i = 0; i < keyring->n; i++)
        text = arena_printf(arena, "%.*s%.*s", SLICE_ARG(text),
                            SLICE_ARG(write_key(arena, "token", &keyring->token_keys[i])));
    for (size_t i = 0; i < keyring->link_n; i++)
        text = arena_printf(arena, "%.*s%.*s", SLICE_ARG(text),
                            SLICE_ARG(write_key(arena, "link", &keyring->link_keys[i])));
    return text;
}

/* -- Keys ------------------------------------------------------------------------------------- */

static struct signing_key new_key(struct arena *arena, bool has_kid, uint64_t from_s)
{
    struct signing_key key = {.from_s = from_s};
    uint8_t kid[KID_HEX / 2];

    random_bytes(key.secret, sizeof key.secret);
    random_bytes(kid, sizeof kid);
    if (has_kid)
        memcpy(key.kid, text_hex(arena, kid, sizeof kid).p, KID_HEX);
    return key;
}

static struct keyring new_keyring(struct arena *arena)
{
    return (struct keyring){
        .token_keys = {new_key(arena, true, 0)},
        .n = 1,
        .link_keys = {new_key(arena, false, 0)},
        .link_n = 1,
    };
}

/* In front; the others end, at the latest, `KEY_ENDS_AFTER_S` after it begins to sign. */
static size_t add_key(struct signing_key *keys, size_t n, struct signing_key key)
{
    uint64_t until_s = key.from_s + KEY_ENDS_AFTER_S;

    if (n == KEYRING_MAX)
        n--;
    memmove(keys + 1, keys, n * sizeof *keys);
    keys[0] = key;
    for (size_t i = 1; i <= n; i++)
        if (!keys[i].until_s || keys[i].until_s > until_s)
            keys[i].until_s = until_s;
    return n + 1;
}

static size_t drop_ended(struct signing_key *keys, size_t n, uint64_t now_s)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!keys[i].until_s || keys[i].until_s > now_s)
            keys[kept++] = keys[i];
    return kept;
}

/* The newest that signs already comes first. */
static void put_signer_first(struct signing_key *keys, size_t n, uint64_t now_s)
{
    size_t at = 0;

    while (at < n && keys[at].from_s > now_s)
        at++;
    if (at == 0 || at == n)
        return;
    struct signing_key signer = keys[at];
    memmove(keys + 1, keys, at * sizeof *keys);
    keys[0] = signer;
}

static void keep_as_of(struct keyring *keyring, uint64_t now_s)
{
    keyring->n = drop_ended(keyring->token_keys, keyring->n, now_s);
    keyring->link_n = drop_ended(keyring->link_keys, keyring->link_n, now_s);
    put_signer_first(keyring->token_keys, keyring->n, now_s);
    put_signer_first(keyring->link_keys, keyring->link_n, now_s);
}

/* -- In state --------------------------------------------------------------------------------- */

static enum err read_text(struct task *task, struct state *state, struct redis_value *out)
{
    return state_command(task, state->durable, out, SLICE("GET"), place);
}

static enum err exchange(struct task *task, struct state *state, struct slice old,
                         const struct keyring *keyring)
{
    struct slice sealed = secret_seal(task->arena, place, write_all(task->arena, keyring));
    struct redis_value reply;
    enum err err =
        state_fcall(task, state, SLICE("swap"), place, REDIS_ARGV(old, sealed), 2, &reply);

    return err == OK && reply.number != 1 ? ERR_CONFLICT : err;
}

static enum err make(struct task *task, struct state *state, struct redis_value *out)
{
    struct keyring keyring = new_keyring(task->arena);
    enum err err = state_command(task, state->durable, out, SLICE("SET"), place,
                                 secret_seal(task->arena, place, write_all(task->arena, &keyring)),
                                 SLICE("NX"));

    return err == OK ? read_text(task, state, out) : err;
}

static bool open_text(struct arena *arena, struct slice text, struct keyring *out, bool *was_plain)
{
    struct slice plain;

    if (!secret_open(arena, place, text, &plain, was_plain))
        return false;
    if (parse(plain, out))
        return true;
    log_event(LOG_ERROR, "keyring_unreadable");
    return false;
}

static enum err take_up(struct task *task, struct state *state, struct slice text,
                        struct keyring *out)
{
    bool was_plain;
    enum err err = OK;

    if (!open_text(task->arena, text, out, &was_plain))
        return ERR_INTERNAL;
    /* Of another gateway that does the same, one wins. */
    if (was_plain)
        err = exchange(task, state, text, out);
    keep_as_of(out, clock_unix_ms() / 1000);
    return err == ERR_CONFLICT ? OK : err;
}

enum err keyring_load(struct task *task, struct state *state, struct keyring *out)
{
    struct redis_value reply;
    enum err err = read_text(task, state, &reply);

    if (err == OK && reply.type == REDIS_NIL)
        err = make(task, state, &reply);
    return err == OK ? take_up(task, state, reply.text, out) : err;
}

enum err keyring_reload(struct task *task, struct state *state, struct keyring *out)
{
    struct redis_value reply;
    enum err err = read_text(task, state, &reply);

    if (err == OK && reply.type == REDIS_NIL)
        return ERR_NOT_FOUND;
    return err == OK ? take_up(task, state, reply.text, out) : err;
}

enum err keyring_rotate(struct task *task, struct state *state, bool at_once)
{
    uint64_t now_s = clock_unix_ms() / 1000, from_s = now_s + KEY_SIGNS_AFTER_S;
    struct keyring keyring;
    struct redis_value reply;
    enum err err = read_text(task, state, &reply);

    if (err != OK)
        return err;
    if (at_once) {
        keyring = new_keyring(task->arena);
    } else {
        if (!open_text(task->arena, reply.text, &keyring, NULL))
            return ERR_INTERNAL;
        keyring.n = drop_ended(keyring.token_keys, keyring.n, now_s);
        keyring.link_n = drop_ended(keyring.link_keys, keyring.link_n, now_s);
        keyring.n = add_key(keyring.token_keys, keyring.n, new_key(task->arena, true, from_s));
        keyring.link_n =
            add_key(keyring.link_keys, keyring.link_n, new_key(task->arena, false, from_s));
    }
    return exchange(task, state, reply.text, &keyring);
}

enum err keyring_sealed_by(struct task *task, struct state *state, struct slice *name)
{
    struct redis_value reply;
    enum err err = read_text(task, state, &reply);

    *name = err == OK ? seal_name(reply.text) : SLICE_NONE;
    return err;
}

const struct signing_key *keyring_find(const struct keyring *keyring, struct slice kid)
{
    for (size_t i = 0; i < keyring->n; i++)
        if (slice_eq(kid, slice_from(keyring->token_keys[i].kid)))
            return &keyring->token_keys[i];
    return NULL;
}

/* -- The key file ------------------------------------------------------------------------------ */

static enum err refuse(struct slice *problem, struct slice why)
{
    *problem = why;
    return ERR_CONFLICT;
}

enum err keyring_unlock(struct task *task, struct state *state, struct slice key_path,
                        struct slice *problem)
{
    struct arena *arena = task->arena;
    struct seal_key key;
    struct slice sealed_by;
    enum err err = keyring_sealed_by(task, state, &sealed_by);

    *problem = SLICE_NONE;
    if (err != OK)
        return err;
    enum key_file file = key_file_read(arena, key_path, &key, problem);
    if (file == KEY_FILE_MISSING && sealed_by.n)
        return refuse(problem,
                      arena_printf(arena,
                                   "the key file %.*s is missing, under which the state's secrets "
                                   "are sealed (key %.*s): bring it back, or name it with "
                                   "--key-file; if it is lost for good: mediahub key rotate --now",
                                   SLICE_ARG(key_path), SLICE_ARG(sealed_by)));
    if (file == KEY_FILE_MISSING)
        file = key_file_make(arena, key_path, &key, problem);
    if (file != KEY_FILE_READ)
        return ERR_CONFLICT;
    secret_use(&key);
    if (sealed_by.n && !slice_eq(sealed_by, slice_from(key.name)))
        return refuse(problem,
                      arena_printf(arena,
                                   "the key file %.*s holds another key (%s) than the one under "
                                   "which the state's secrets are sealed (%.*s): name the right "
                                   "one with --key-file; if it is lost for good: mediahub key "
                                   "rotate --now",
                                   SLICE_ARG(key_path), key.name, SLICE_ARG(sealed_by)));
    return OK;
}
