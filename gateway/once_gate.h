/* once_gate.h: the header Idempotency-Key, for the operations whose row says `x-once`. The first
 * request under a key does its work; the same again is answered with what the first made, another
 * body is 422, and while the first is under way everybody else gets 409. A key is the principal's
 * and the operation's; without an account it is the address's.
 *
 * Dispatch enters and, for JSON, judges; a handler then asks once_made() and answers as the first
 * time when there is something, else hands req->once to what it makes (state/once.h). The key is
 * held until the answer begins (reply.c). */
#pragma once

#include "gateway/request.h"
#include "state/once.h"

/* Before the body is read. False: the client has its answer (400, 409, 503). */
bool once_enter_or_reply(struct request *req);

/* Once the body is known: `text` stands for it (for uploads with the hash of the file). False: 422
 * was answered, because the key made something of another body. */
bool once_judge_or_reply(struct request *req, struct slice text);
/* The same for the JSON body, whatever its order and blanks. A password is left out: its hash would
 * be one that can be guessed. Who takes one compares it with what was made, and refuses another
 * one. */
bool once_judge_json_or_reply(struct request *req);
void once_refuse(struct request *req); /* answers 422 */

/* The id of what this key made before; empty: nothing, or there is no key. */
struct slice once_made(const struct request *req);

/* After a commit that has failed: was it because somebody was faster under the same key? True:
 * once_made() tells what he made. False: the client has its answer. */
bool once_overtaken_or_reply(struct request *req, enum err err);

/* While a long body is read. Suspends now and then. */
void once_keep(struct request *req);
