/* stored_password.h: a password as Backup Repository keeps it in its files: the base64 of
 * "$argon2id$v=19$m=65536,t=1,p=4$" salt "$" hash, where salt and hash are base64 with padding.
 * That is a PHC text but for the padding, which no library accepts. */
#pragma once

#include "base/arena.h"

/* For password_verify(); empty: it is no such text, or one past the bounds of password.h. */
struct slice stored_password_phc(struct arena *arena, struct slice stored);

/* A hash that no password has, in the place of users that do not exist: to refuse it takes as long
 * as to refuse a wrong password of theirs, three times as long as one of our own accounts. */
#define STORED_PASSWORD_OF_NOBODY                                                                  \
    SLICE("$argon2id$v=19$m=65536,t=1,p=4$AAAAAAAAAAAAAAAAAAAAAA$"                                 \
          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

/* A new one, in one lane (p=1), which is all that libsodium makes; whoever verifies takes the
 * parameters from the text. Blocking, for the command line. */
struct slice stored_password_make(struct arena *arena, struct slice password);
