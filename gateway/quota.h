/* quota.h: how much an account may keep (quota.bytes, quota.items) and how much may be written
 * about one item (quota.text). The commit that makes the record has the last word (state/usage.h);
 * what is said here before is so that no body is read and no file kept in vain. For every surface
 * that takes media in. */
#pragma once

#include "base/config.h"
#include "gateway/request.h"
#include "state/media.h"
#include "state/usage.h"

struct quota {
    struct usage most; /* 0: no bound */
    uint64_t text_bytes;
};

void quota_read(const struct config *config, struct quota *out);

/* Before the body is read. *room: how large the file may be. False: 507 is sent. */
bool quota_enter_or_reply(struct request *req, uint64_t *room_bytes);
/* Once the file is complete, before it is kept. On OK its record is made with *bound, or, if it
 * comes to nothing, usage_give_back() ends it. ERR_QUOTA. */
enum err quota_take(struct request *req, uint64_t bytes, struct usage_bound *bound);

/* Do title, description, tags and file name together fit? */
bool quota_text_fits(const struct quota *quota, const struct media *media);
void quota_reply_text(struct request *req); /* 413: they do not */
