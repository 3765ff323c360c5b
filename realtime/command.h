/* command.h: what each message of a client does. Suspends. */
#pragma once

#include "realtime/client.h"

void command_run(struct task *task, struct client *client, struct slice text);

/* Right after the start the stream's reader does not know yet where it stands. False: for too long,
 * or the client has left. Suspends. */
bool command_await_start(struct task *task, struct client *client);
/* Why a place is refused, for whoever named it; empty: what the error says itself. */
struct slice command_why_not(struct arena *arena, enum err err);
