#include "gateway/surfaces/backup_repository/caller.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/gateway.h"
#include "gateway/router.h"
#include "gateway/surfaces/backup_repository/scope.h"
#include "state/id.h"

/* --- the token ---------------------------------------------------------------------------------
 */

static struct slice cookie(const struct request *req, struct slice wanted)
{
    struct slice rest = request_cookies(req), pair, name, value;

    while (slice_split(rest, ';', &pair, &rest))
        if (slice_split(slice_trim(pair), '=', &name, &value) && slice_eq(name, wanted))
            return value;
    return SLICE_NONE;
}

static struct slice token_of(const struct request *req)
{
    struct slice token;

    if (authentication_bearer(request_header(req, "Authorization"), &token))
        return token;
    token = request_query(req, "token");
    return token.n ? token : cookie(req, SLICE("jwt"));
}

/* --- the session -------------------------------------------------------------------------------
 */

static void begin(struct arena *arena, struct gateway *gateway, struct slice token,
                  uint64_t grace_s, struct authentication *out)
{
    struct backup_caller *caller = ARENA_NEW(arena, struct backup_caller);
    struct backup_claims *claims = &caller->claims;
    struct principal *principal = &out->principal;

    *out = (struct authentication){.by = &backup_authenticator};
    uint64_t now_ms = clock_unix_ms();
    caller->good_until_ms = now_ms - grace_s * 1000;
    out->refusal = backup_token_verify(arena, &gateway->keyring, token, now_ms / 1000, grace_s,
                                       claims, &out->detail);
    if (out->refusal == OK && !id_parse(claims->user_id, SLICE("user_"), gateway->state->partitions,
                                        &principal->partition))
        out->refusal = ERR_SESSION_REVOKED;
    if (out->refusal != OK)
        return;
    principal->kind = PRINCIPAL_SESSION;
    principal->user_id = claims->user_id;
    principal->session_id = sha256_hex(arena, token);
    principal->expires_ms = claims->expires_s * 1000;
    /* A narrowed session is about its objects, the events are about everything of its user's. */
    principal->scopes = claims->access_key.n || claims->scope.n ? SCOPE_NONE : SCOPE_REALTIME;
    principal->own = caller;
    out->read =
        granted_access_send(gateway->state, arena, principal->session_id, principal->partition);
}

static void begin_token(struct arena *arena, struct gateway *gateway, struct slice token,
                        struct authentication *out)
{
    begin(arena, gateway, token, 0, out);
}

static void begin_request(struct request *req, struct authentication *out)
{
    struct slice token = token_of(req);

    *out = (struct authentication){.by = &backup_authenticator};
    if (req->route && req->route->auth != AUTH_NONE && token.n)
        begin(req->task.arena, req->gateway, token, 0, out);
}

/* The record is there, and was neither revoked nor is it too old. */
static enum err read_access(struct task *task, struct redis_call *read,
                            struct backup_caller *caller)
{
    struct granted_access *access = &caller->access;
    enum err err = granted_access_take(task, read, access);

    if (err == ERR_NOT_FOUND)
        return ERR_SESSION_REVOKED;
    if (err == OK && (!granted_access_holds(access, caller->good_until_ms) ||
                      !slice_eq(access->user_id, caller->claims.user_id)))
        return ERR_SESSION_REVOKED;
    return err;
}

/* They are still who they were. A user whose file cannot be read has no rights. */
static enum err find_person(struct task *task, struct gateway *gateway,
                            struct backup_caller *caller)
{
    struct backup_person *person = &caller->person;
    enum err err = backup_person_find(task, gateway, caller->claims.login, person);

    if (err == ERR_NOT_FOUND || err == ERR_INTERNAL)
        return ERR_SESSION_REVOKED;
    if (err == OK && (person->deactivated || !slice_eq(person->user_id, caller->claims.user_id) ||
                      caller->access.created_ms < person->logged_out_ms))
        return ERR_SESSION_REVOKED;
    return err;
}

static enum err make_subject(struct arena *arena, struct backup_caller *caller)
{
    const struct backup_claims *claims = &caller->claims;
    struct subject *subject = &caller->subject;

    *subject = (struct subject){.name = caller->person.login, .roles = caller->person.roles};
    if (!scope_parse(arena, claims->scope, &subject->scope))
        return ERR_SESSION_REVOKED;
    if (!claims->access_key.n)
        return OK;
    const struct backup_access_key *key = backup_person_key(&caller->person, claims->access_key);
    if (!key)
        return ERR_SESSION_REVOKED;
    subject->by_key = true;
    subject->key_objects = key->objects;
    return OK;
}

static enum err end(struct task *task, struct gateway *gateway,
                    struct authentication *authentication)
{
    struct backup_caller *caller = authentication->principal.own;
    enum err err = read_access(task, authentication->read, caller);

    if (err == OK)
        err = find_person(task, gateway, caller);
    return err == OK ? make_subject(task->arena, caller) : err;
}

const struct authenticator backup_authenticator = {
    .audience = SLICE_INIT(BACKUP_TOKEN_AUDIENCE),
    .begin = begin_request,
    .begin_token = begin_token,
    .end = end,
};

const struct backup_caller *backup_caller_of(const struct request *req)
{
    return req->principal.own;
}

enum err backup_caller_prove(struct request *req, uint64_t grace_s,
                             const struct backup_caller **out, struct slice *detail)
{
    struct slice token = token_of(req);
    struct authentication authentication = {.refusal = ERR_UNAUTHORIZED};

    if (token.n)
        begin(req->task.arena, req->gateway, token, grace_s, &authentication);
    enum err err = authentication_end(&req->task, req->gateway, &authentication);
    *out = authentication.principal.own;
    *detail = authentication.detail;
    return err;
}
