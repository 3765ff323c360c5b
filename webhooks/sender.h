/* sender.h: deliveries that are due go to their receivers, and how they ended is recorded. */
#pragma once

#include "webhooks/shard.h"

/* The fiber of the shard that is its argument; returns when the dispatcher stops. */
void sender_run(struct task *task, void *arg);

/* An endpoint has deliveries in this partition's queues; a hint, harmless when wrong. */
void sender_note_ready(struct shard *shard, struct receiver *receiver);

/* What is listed and what has ended unrecorded; when no fiber of the dispatcher runs any more,
 * since the acceptor lists as well. */
void sender_forget_all(struct shard *shard);
