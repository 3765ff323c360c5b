/* realtime_ticket.h: what stands for credentials in the URL of /realtime. A browser's EventSource
 * and WebSocket can send no header, and a token in a URL ends in the logs of every proxy on the
 * way; a ticket there is spent by whoever comes first, within TICKET_LIFE_S.
 *
 * A stream that was begun with a ticket goes on with it: EventSource comes back by itself to the
 * same URL, with a Last-Event-ID, which only whoever was told a position can name. For as long as
 * the credentials hold, a day at most. In the volatile server, under the ticket's hash, stand the
 * credentials, sealed under the ticket: neither is to be found there. */
#pragma once

#include "gateway/request.h"

enum { TICKET_LIFE_S = 60, TICKET_STREAM_LIFE_S = 86400 };

/* The ticket lives in the task's arena. Suspends. */
enum err realtime_ticket_issue(struct task *task, struct gateway *gateway, struct slice credentials,
                               struct slice *ticket);
/* What it was issued for; at once, and once. ERR_UNAUTHORIZED: spent, expired or none of ours.
 * Suspends. */
enum err realtime_ticket_spend(struct task *task, struct gateway *gateway, struct slice ticket,
                               struct slice *credentials);
/* After it was spent for a stream: the same stream may come back, until expires_ms (0: never). */
void realtime_ticket_keep(struct task *task, struct gateway *gateway, struct slice ticket,
                          struct slice credentials, uint64_t expires_ms);
/* By a stream that comes back and has last heard `since`. As realtime_ticket_spend(). */
enum err realtime_ticket_resume(struct task *task, struct gateway *gateway, struct slice ticket,
                                struct slice since, struct slice *credentials);

/* For the handlers of POST /realtime/tickets: {"ticket": ..., "expires_in": ...} for the
 * credentials that came in a header, into reply_writer(). False: answered. */
bool realtime_ticket_write_or_reply(struct request *req);
