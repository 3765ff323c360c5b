/* latest.h: the latest progress of each job, for clients that were too slow to hear all
 * of it. Bounded: past LATEST_MAX the one that has been silent longest is forgotten. */
#pragma once

#include "realtime/hub.h"

enum { LATEST_MAX = 1024 };

void latest_init(struct latest_progress *all);
void latest_fini(struct latest_progress *all);

/* Takes the message. */
void latest_note(struct latest_progress *all, struct slice media_id, struct slice owner,
                 struct slice kind, struct message *message);

/* Queues for the client what it may hear of and has missed since all->sequence was `since`. */
void latest_resend(struct client *client, uint64_t since);
