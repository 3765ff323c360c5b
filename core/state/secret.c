#include "state/secret.h"

#include "base/log.h"
#include "state/keyring.h"

#include <assert.h>

static struct seal_key key_in_use;
static bool has_key;

void secret_use(const struct seal_key *key)
{
    key_in_use = *key;
    has_key = true;
}

struct slice secret_seal(struct arena *arena, struct slice place, struct slice plain)
{
    assert(has_key);
    return seal(arena, &key_in_use, place, plain);
}

bool secret_open(struct arena *arena, struct slice place, struct slice text, struct slice *plain,
                 bool *was_plain)
{
    assert(has_key);
    enum seal_verdict verdict = seal_open(arena, &key_in_use, place, text, plain);
    if (was_plain)
        *was_plain = verdict == SEAL_PLAIN;
    if (verdict == SEAL_OPENED || verdict == SEAL_PLAIN)
        return true;
    log_event(LOG_ERROR, "secret_not_opened", F("place", place),
              F("reason", verdict == SEAL_OTHER_KEY ? "it is sealed under another key"
                                                    : "it was changed, or is not in its place"));
    return false;
}

struct slice secret_key_file(struct arena *arena, const struct config *config)
{
    struct slice file = config_text(config, "key_file");

    return file.n ? file
                  : arena_printf(arena, "%.*s/hub.key", SLICE_ARG(config_text(config, "data")));
}

static enum err refuse(struct slice *problem, struct slice why)
{
    *problem = why;
    return ERR_CONFLICT;
}

enum err secret_begin(struct task *task, struct state *state, struct slice key_path,
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
