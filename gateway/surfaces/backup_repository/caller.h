/* caller.h: who calls the Backup Repository, proven by a token whose session holds. The token comes
 * in the Authorization header, the query parameter `token` or the cookie `jwt`; the first good one
 * counts, and is the identity. */
#pragma once

#include "gateway/access/authentication.h"
#include "gateway/surfaces/backup_repository/people.h"
#include "gateway/surfaces/backup_repository/token.h"
#include "state/granted_access.h"

struct backup_caller {
    struct backup_claims claims;
    struct granted_access access; /* this session */
    struct backup_person person;
    struct subject subject; /* for roles_allow() */
    uint64_t good_until_ms; /* the session must have lasted until then: one look at the clock */
};

extern const struct authenticator backup_authenticator;

/* Of a request that was admitted. */
const struct backup_caller *backup_caller_of(const struct request *req);

/* The same where the route asks for no token: one that may have ended up to grace_s ago. *detail:
 * the refusal's text. Suspends. ERR_UNAUTHORIZED, ERR_TOKEN_CLAIMS, ERR_SESSION_REVOKED. */
enum err backup_caller_prove(struct request *req, uint64_t grace_s,
                             const struct backup_caller **out, struct slice *detail);
