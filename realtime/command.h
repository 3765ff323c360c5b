/* command.h: what each message of a client does. Suspends. */
#pragma once

#include "realtime/client.h"

void command_run(struct task *task, struct client *client, struct slice text);
