/* acceptor.h: events become deliveries, in the queues of the endpoints that want them. */
#pragma once

#include "webhooks/shard.h"

/* The fiber of the shard that is its argument; returns when the dispatcher stops. */
void acceptor_run(struct task *task, void *arg);
