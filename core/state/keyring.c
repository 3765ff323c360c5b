#include "state/keyring.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>

/* "hub:keyring" is one text, so that two gateways at a first start agree on one of their offers:
 *     token <kid> <64 hex digits>      newest first, at most KEYRING_MAX
 *     link <64 hex digits> */
enum { KID_HEX = 16, KEYRING_TEXT_BYTES = 256 };

static struct slice random_hex(struct arena *arena, size_t bytes)
{
    char random[KEY_BYTES];

    random_bytes(random, bytes);
    return text_hex(arena, random, bytes);
}

static struct slice fresh_keyring(struct arena *arena)
{
    return arena_printf(
        arena, "token %.*s %.*s\nlink %.*s\n", SLICE_ARG(random_hex(arena, KID_HEX / 2)),
        SLICE_ARG(random_hex(arena, KEY_BYTES)), SLICE_ARG(random_hex(arena, KEY_BYTES)));
}

static bool parse_token_key(struct slice text, struct keyring *out)
{
    struct slice kid, secret;
    struct signing_key *key = &out->token_keys[out->n];

    if (out->n == KEYRING_MAX || !slice_split(text, ' ', &kid, &secret) || kid.n != KID_HEX ||
        !text_unhex(secret, key->secret, KEY_BYTES))
        return false;
    memcpy(key->kid, kid.p, KID_HEX);
    key->kid[KID_HEX] = '\0';
    out->n++;
    return true;
}

static bool parse_keyring(struct slice text, struct keyring *out)
{
    struct slice line;
    bool has_link = false;

    *out = (struct keyring){0};
    while (slice_split(text, '\n', &line, &text)) {
        bool good = !line.n;

        if (slice_starts_with(line, SLICE("token ")))
            good = parse_token_key(slice_from_offset(line, 6), out);
        else if (slice_starts_with(line, SLICE("link ")))
            good = has_link = text_unhex(slice_from_offset(line, 5), out->link_key, KEY_BYTES);
        if (!good)
            return false;
    }
    return out->n > 0 && has_link;
}

enum err keyring_load(struct task *task, struct state *state, struct keyring *out)
{
    struct slice key = SLICE("hub:keyring");
    struct redis_value reply;
    enum err err = state_command(task, state->durable, &reply, SLICE("GET"), key);

    if (err == OK && reply.type == REDIS_NIL) {
        err = state_command(task, state->durable, &reply, SLICE("SET"), key,
                            fresh_keyring(task->arena), SLICE("NX"));
        if (err == OK)
            err = state_command(task, state->durable, &reply, SLICE("GET"), key);
    }
    if (err != OK)
        return err;
    if (!parse_keyring(reply.text, out)) {
        log_event(LOG_ERROR, "keyring_unreadable");
        return ERR_INTERNAL;
    }
    return OK;
}

const struct signing_key *keyring_find(const struct keyring *keyring, struct slice kid)
{
    for (size_t i = 0; i < keyring->n; i++)
        if (slice_eq(kid, slice_from(keyring->token_keys[i].kid)))
            return &keyring->token_keys[i];
    return NULL;
}
