/* stored_password.h: a password as Backup Repository keeps it in its files: the base64 of
 * "$argon2id$v=19$m=65536,t=1,p=4$" salt "$" hash, where salt and hash are base64 with padding.
 * That is a PHC text but for the padding, which no library accepts. */
#pragma once

#include "base/arena.h"
#include "base/password.h"

/* Of stored_password_make(), and of the original's own. */
#define STORED_PASSWORD_KIND                                                                       \
    {                                                                                              \
        65536, 1                                                                                   \
    }

/* For password_verify(); empty: it is no such text, or one past the bounds of password.h. */
struct slice stored_password_phc(struct arena *arena, struct slice stored);

/* A new one, in one lane (p=1), which is all that libsodium makes; whoever verifies takes the
 * parameters from the text. Blocking, for the command line. */
struct slice stored_password_make(struct arena *arena, struct slice password);
