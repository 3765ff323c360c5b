/* upload_share.h: whose uploads are under way, so that one user or one address leaves room for
 * others: nobody has more than the settings say (uploads.per_user, uploads.per_address), nor more
 * than are left for everybody else. Of each gateway process. */
#pragma once

#include "base/config.h"
#include "base/share.h"
#include "gateway/request.h"

struct upload_shares {
    struct shares users, addresses;
    size_t per_user, per_address;
};

void upload_shares_init(struct upload_shares *shares, const struct config *config);
void upload_shares_fini(struct upload_shares *shares); /* when no request is left */

/* Counts the request as an upload of its user and address until it ends. This machine and hidden
 * clients of a proxy have no share as addresses. False: 429 or 503 is sent. */
bool upload_begin_or_reply(struct request *req);
