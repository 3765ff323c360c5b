/* quota.h: how much an account may keep (quota.bytes, quota.items) and how much may be written
 * about one item (quota.text). */
#pragma once

#include "base/config.h"
#include "state/media.h"
#include "state/usage.h"

struct quota {
    struct usage most; /* 0: no bound */
    uint64_t text_bytes;
};

void quota_read(const struct config *config, struct quota *out);

/* Do title, description, tags and file name together fit? */
bool quota_text_fits(const struct quota *quota, const struct media *media);
