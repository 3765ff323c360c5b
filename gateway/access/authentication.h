/* authentication.h: from credentials to a principal. Each surface has an authenticator, which reads
 * its credentials and knows its sessions. Used by the admission of requests and by /realtime, which
 * takes the tokens of every surface. */
#pragma once

#include "base/err.h"
#include "base/task.h"
#include "state/principal.h"

struct gateway;
struct redis_call;
struct request;

/* The two halves of admission, so that the session read and the rate counter share a round trip:
 * `begin` checks what can be checked without Redis and sends the read; `end` awaits it. */
struct authentication {
    const struct authenticator *by;
    struct principal principal;  /* filled in by begin as far as the credentials tell */
    struct redis_call *read;     /* session or key record; NULL: nothing to await */
    struct redis_call *standing; /* its user's record, where it is asked for as well; or NULL */
    bool found_late;             /* who it is, and so whom it counts for, is known only after end */
    enum err refusal;            /* OK, or why the credentials are not accepted */
    struct slice detail;         /* for the refusal's answer; empty: the usual sentence */
};

struct authenticator {
    struct slice audience;   /* `aud` of its tokens */
    struct slice key_prefix; /* what its API keys begin with; empty: it has none */
    /* The credentials of a request, as its route allows them; none: anonymous. */
    void (*begin)(struct request *req, struct authentication *out);
    /* A token that came without a request. */
    void (*begin_token)(struct arena *arena, struct gateway *gateway, struct slice token,
                        struct authentication *out);
    /* Judges the record that was read; called only when one was. Suspends. */
    enum err (*end)(struct task *task, struct gateway *gateway,
                    struct authentication *authentication);
};

/* OK for anonymous callers too; a refusal clears the principal. */
enum err authentication_end(struct task *task, struct gateway *gateway,
                            struct authentication *authentication);

/* Are the credentials at fault, rather than we? */
bool authentication_refused(enum err err);

/* What follows "Bearer " in an Authorization header (RFC 6750 section 2.1). */
bool authentication_bearer(struct slice header, struct slice *token);
