/* collections.h: what the operations on collections share: who may see what of them, and their one
 * JSON form (contracts/mediavault.md section 6). */
#pragma once

#include "gateway/reply.h"
#include "state/collection.h"
#include "state/collection_members.h"

enum collection_right {
    COLLECTION_SEE,    /* own, public, any for admins; of others' the public media alone */
    COLLECTION_CHANGE, /* own, any for admins */
};

/* False: 404 (also for what the caller may not see), 403 or 503 is already sent. */
bool mediavault_collection_load_or_reply(struct request *req, struct slice id,
                                         enum collection_right right, struct collection *out);
/* Does the caller see all members of it, or only those that are public? */
bool mediavault_collection_is_whole(const struct request *req, const struct collection *collection);
/* The record as the caller sees it. */
void mediavault_collection_reply(struct request *req, int status,
                                 const struct collection *collection);
