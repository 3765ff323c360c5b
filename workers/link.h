/* link.h: one connection to one gateway's job server: an nng REQ socket of its own (results must go
 * where the job came from) with lanes, so that a heartbeat passes a parked request, and a long job
 * has its own. Reconnects by itself. Requests are never sent again on their own: who asks decides
 * (resending hands the same job out twice). nng's callbacks come on its threads and only post to
 * the loop. */
#pragma once

#include "base/task.h"
#include "wire/wire.h"

struct link;

enum link_lane { LINK_PULL, LINK_TALK, LINK_LONG, LINK_LONG_TALK, LINK_LANES };

/* Starts to dial in the background. NULL with a line in *problem: the URL is no good. */
struct link *link_open(struct slice url, const char **problem);
/* No request may be under way. */
void link_close(struct link *link);
struct slice link_url(const struct link *link);

/* Sends the question and suspends until the answer, at most limit_ms for either way. False: there
 * is none (no gateway, connection lost, cancelled, nonsense). One question at a time per lane. The
 * answer lives in the task's arena. */
bool link_ask(struct task *task, struct link *link, enum link_lane lane,
              const struct wire_message *question, uint64_t limit_ms, struct wire_message *answer);

/* Ends the question under way on this lane, if there is one: link_ask() returns false soon. */
void link_cancel(struct link *link, enum link_lane lane);
