/* redis_fixture.h: a real Redis server for one test program: on a unix socket in a folder of its
 * own, gone with the program. Included by the test file, together with its .c, so that only tests
 * which want it link it. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>

/* Starts the server with AOF and appendfsync always; waits until it answers. */
void redis_fixture_start(void);
void redis_fixture_kill(void);         /* kill -9, and waits for its end */
void redis_fixture_again(void);        /* starts it on the same data */
void redis_fixture_signal(int signal); /* SIGSTOP, SIGCONT */
void redis_fixture_stop(void);         /* kill and remove the folder */
/* One command on a connection of its own ("FLUSHALL"), bypassing what is tested; its answer's first
 * bytes, until the next call. "" when the server is away. */
const char *redis_fixture_command(const char *command);
struct slice redis_fixture_url(void); /* "unix:/tmp/..." */
const char *redis_fixture_folder(void);
