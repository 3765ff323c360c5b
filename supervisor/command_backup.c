/* mediahub backup-password: the text that a file of the Backup Repository keeps of a password.
 * mediahub backup-session: the id under which the session of a token is listed. Both read their
 * secret from standard input, and need no hub. */
#include "supervisor/command.h"
#include "supervisor/command_read.h"

#include "base/crypto.h"
#include "base/process.h"
#include "gateway/surfaces/backup_repository/stored/stored_password.h"

#include <stdio.h>
#include <stdlib.h>

enum { PASSWORD_MAX = 1024, TOKEN_MAX = 8000 };

static int print(struct slice text)
{
    printf("%.*s\n", SLICE_ARG(text));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_backup_password(int argc, char **argv)
{
    struct arena *arena = process_arena();

    if (argc > 0)
        process_fail("usage: mediahub backup-password (the password comes in on standard input)");
    return print(stored_password_make(arena, command_read_secret(arena, "password", PASSWORD_MAX)));
}

int command_backup_session(int argc, char **argv)
{
    struct arena *arena = process_arena();

    if (argc > 0)
        process_fail("usage: mediahub backup-session (the token comes in on standard input)");
    return print(sha256_hex(arena, command_read_secret(arena, "token", TOKEN_MAX)));
}
