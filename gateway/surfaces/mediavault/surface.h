/* surface.h: Media Vault's envelopes and its pagination (contracts: one form for data, one for
 * lists, one for errors). Only the answers that do not fit `struct surface` have a function here.
 */
#pragma once

#include "gateway/reply.h"

extern const struct authenticator mediavault_authenticator;

#define MEDIAVAULT_VERSION "1.0.0"

enum { MEDIAVAULT_PAGE_SIZE = 20, MEDIAVAULT_PAGE_SIZE_MAX = 100 };

/* page and per_page of a list operation, whose schema has checked them. */
struct page mediavault_page(const struct request *req);

/* The answer of login and refresh: the token's members stand in `data` and beside it, because
 * clients of both forms exist. Never cached. */
struct mediavault_token {
    struct slice token, refresh_token;
    uint64_t expires_in_s;
};
void mediavault_reply_token(struct request *req, const struct mediavault_token *token);
