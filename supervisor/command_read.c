#include "supervisor/command_read.h"

#include "base/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { DEADLY = 4 };

static const int deadly[DEADLY] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static struct termios shown;

/* The terminal outlives us: whoever ends us at the question must not find it without an echo. The
 * raised signal waits until the handler is over, and then finds the default action. */
static void on_deadly(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &shown);
    raise(number);
}

static void hide(struct sigaction before[DEADLY])
{
    const struct sigaction action = {.sa_handler = on_deadly, .sa_flags = (int)SA_RESETHAND};
    struct termios hidden = shown;

    for (size_t i = 0; i < DEADLY; i++)
        sigaction(deadly[i], &action, &before[i]);
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
}

static void show(const struct sigaction before[DEADLY])
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    for (size_t i = 0; i < DEADLY; i++)
        sigaction(deadly[i], &before[i], NULL);
}

/* Up to the end of the line, or `room` bytes of it. Counted, since fgets() cannot tell a NUL in the
 * line from its own: what follows one would be lost without a word. */
static struct slice read_line(char *line, size_t room)
{
    size_t n = 0;
    int c;

    while (n < room && (c = getc(stdin)) != EOF && c != '\n')
        line[n++] = (char)c;
    if (n > 0 && line[n - 1] == '\r')
        n--;
    return (struct slice){line, n};
}

static struct slice ask_for_line(const char *name, char *line, size_t room)
{
    struct sigaction before[DEADLY];
    bool quiet = tcgetattr(STDIN_FILENO, &shown) == 0;

    fprintf(stderr, "%s: ", name);
    if (quiet)
        hide(before);
    struct slice secret = read_line(line, room);
    if (quiet)
        show(before);
    fputc('\n', stderr);
    return secret;
}

struct slice command_read_secret(struct arena *arena, const char *name, size_t most)
{
    size_t room = most + 2; /* a carriage return, and one byte that is too much */
    char *line = arena_alloc(arena, room);
    struct slice secret =
        isatty(STDIN_FILENO) ? ask_for_line(name, line, room) : read_line(line, room);

    if (secret.n == 0)
        process_fail("no %s came in on standard input", name);
    if (secret.n > most)
        process_fail("the %s is longer than %zu bytes", name, most);
    if (memchr(secret.p, '\0', secret.n))
        process_fail("the %s has a NUL byte in it", name);
    return secret;
}
