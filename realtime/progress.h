/* progress.h: the latest progress of each running job, for clients that were too slow to hear all
 * of it. Bounded: past PROGRESS_MAX the one that has been silent longest is forgotten. */
#pragma once

#include "realtime/hub.h"

enum { PROGRESS_MAX = 1024 };

void progress_init(struct progress_list *list);
void progress_fini(struct progress_list *list);

/* Takes the frame. */
void progress_note(struct progress_list *list, struct slice media_id, struct slice owner,
                   struct slice kind, struct frame *frame);

/* Queues for the client what it may hear of and has missed since list->sequence was `since`. */
void progress_resend(struct client *client, uint64_t since);
