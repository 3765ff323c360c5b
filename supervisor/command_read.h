/* command_read.h: secrets come in on standard input. Not as arguments: those are there for
 * everybody to read, in /proc. */
#pragma once

#include "base/arena.h"

/* One line, without its end; asked for by its name, and not shown, on a terminal. Ends the program
 * when there is none, when it is empty, longer than `most` bytes, or has a NUL in it. */
struct slice command_read_secret(struct arena *arena, const char *name, size_t most);
