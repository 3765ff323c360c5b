/* secret.h: what is written into state so that Redis or a backup of it alone gives nothing away:
 * sealed (base/seal.h) under the key file, of which a process has one, named at its start. Several
 * hosts of one hub share the file. */
#pragma once

#include "base/config.h"
#include "base/seal.h"

/* What the setting says, or hub.key in the data folder. */
struct slice secret_key_file(struct arena *arena, const struct config *config);
/* This key from now on. */
void secret_use(const struct seal_key *key);

/* place: the key in Redis, and the field if there are others beside it. */
struct slice secret_seal(struct arena *arena, struct slice place, struct slice plain);
/* Also of one that was never sealed, which *was_plain tells (NULL is allowed). False: it cannot be
 * opened, and the log says why. */
bool secret_open(struct arena *arena, struct slice place, struct slice text, struct slice *plain,
                 bool *was_plain);
