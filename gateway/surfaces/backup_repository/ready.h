/* ready.h: the Backup Repository's side of /ready, which it shares with the hub's own: whoever
 * gives a code asks for this one. */
#pragma once

#include "gateway/request.h"

bool backup_ready_is_asked(const struct request *req);
/* Answers in the envelope of the Backup Repository. Suspends. */
void backup_ready_reply(struct request *req);
