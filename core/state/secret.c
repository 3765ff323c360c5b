#include "state/secret.h"

#include "base/log.h"

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
