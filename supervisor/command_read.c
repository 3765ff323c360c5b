#include "supervisor/command_read.h"

#include "base/process.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool ask_for_line(const char *name, char *line, int room)
{
    struct termios shown, hidden;
    bool quiet = tcgetattr(STDIN_FILENO, &shown) == 0;

    fprintf(stderr, "%s: ", name);
    if (quiet) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool read = fgets(line, room, stdin) != NULL;
    if (quiet)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return read;
}

struct slice command_read_secret(struct arena *arena, const char *name, size_t most)
{
    int room = (int)most + 3; /* the end of the line, and one byte that is too much */
    char *line = arena_alloc(arena, (size_t)room);
    bool read =
        isatty(STDIN_FILENO) ? ask_for_line(name, line, room) : fgets(line, room, stdin) != NULL;
    struct slice secret = {line, read ? strcspn(line, "\r\n") : 0};

    if (secret.n == 0)
        process_fail("no %s came in on standard input", name);
    if (secret.n > most)
        process_fail("the %s is longer than %zu bytes", name, most);
    return secret;
}
