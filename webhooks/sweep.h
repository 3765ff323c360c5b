/* sweep.h: ends what is pending for endpoints that are disabled or deleted, in every partition: an
 * admin's endpoint has deliveries in all of them. */
#pragma once

#include "webhooks/shard.h"

/* Later, once. deleted: leaves no trace of it. */
void sweep_later(struct dispatcher *dispatcher, struct slice id, bool deleted);

/* The fiber of the dispatcher that is its argument; returns when that stops. */
void sweep_run(struct task *task, void *arg);

void sweep_forget_all(struct dispatcher *dispatcher);
