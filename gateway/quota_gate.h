/* quota_gate.h: the account's quota (quota.h), before anything is done in vain: no body is read and
 * no file kept. The commit that makes the record has the last word (state/usage.h). For every
 * surface that takes media in. */
#pragma once

#include "gateway/request.h"
#include "state/usage.h"

/* Before the body is read. *room: how large the file may be. False: 507 is sent. */
bool quota_enter_or_reply(struct request *req, uint64_t *room_bytes);
/* Once the file is complete, before it is kept. On OK its record is made with *bound, or, if it
 * comes to nothing, usage_give_back() ends it. ERR_QUOTA. */
enum err quota_take(struct request *req, uint64_t bytes, struct usage_bound *bound);

void quota_reply_text(
    struct request *req); /* 413: title, description, tags and file name do not fit */
