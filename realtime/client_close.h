/* client_close.h: how a client ends. */
#pragma once

#include "realtime/client.h"

/* Close frame and end. Retryable codes get retry_ms=N as reason, others `reason`. */
void client_close(struct client *client, unsigned code, struct slice reason);
/* Nothing is delivered to it any more, and nothing will happen by itself. */
void client_detach(struct client *client);
