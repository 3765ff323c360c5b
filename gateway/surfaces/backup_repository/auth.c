/* Logging in and out, and looking at users and their sessions. */
#include "base/address.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/password.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/surfaces/backup_repository/caller.h"
#include "gateway/surfaces/backup_repository/credentials.h"
#include "gateway/surfaces/backup_repository/files.h"
#include "gateway/surfaces/backup_repository/stored/stored_password.h"
#include "gateway/surfaces/backup_repository/surface.h"
#include "handlers.h"

enum {
    REFRESH_GRACE_S = 10 * 60, /* how long after its end a token can still be exchanged */
};

/* --- sessions ----------------------------------------------------------------------------------
 */

struct opened {
    struct slice token;
    struct granted_access access;
    bool narrowed;
};

/* A token and its record. The claims come without times. ERR_VALIDATION: no token can hold them. */
static enum err open_session(struct request *req, struct backup_claims *claims,
                             const struct backup_person *person, struct opened *out)
{
    struct gateway *gateway = req->gateway;
    uint64_t now_ms = clock_unix_ms();

    if (now_ms < person->logged_out_ms) /* by another host's clock */
        now_ms = person->logged_out_ms;

    claims->issued_s = now_ms / 1000;
    claims->expires_s = claims->issued_s + config_number(gateway->config, "backup.jwt_ttl");
    out->token = backup_token_sign(req->task.arena, &gateway->keyring, claims);
    if (!out->token.n)
        return ERR_VALIDATION;
    out->narrowed = claims->scope.n > 0;
    out->access = (struct granted_access){
        .id = sha256_hex(req->task.arena, out->token),
        .user_id = claims->user_id,
        .partition = person->partition,
        .user = claims->login,
        .access_key = claims->access_key,
        .description = SLICE("Login"),
        .requester_ip = req->peer_ip,
        .created_ms = now_ms,
        .expires_ms = claims->expires_s * 1000,
    };
    return granted_access_create(&req->task, gateway->state, &out->access);
}

static void write_login(struct json_writer *w, const struct opened *login)
{
    jw_object(w);
    jw_time(w, "expire", login->access.expires_ms);
    jw_str(w, "sessionId", login->access.id);
    jw_str(w, "token", login->token);
    if (login->narrowed)
        jw_str(w, "msg", SLICE("This session is limited to the given operations scope."));
    jw_object_end(w);
}

static void write_access(struct json_writer *w, const struct granted_access *access)
{
    jw_object(w);
    jw_time(w, "CreatedAt", access->created_ms);
    jw_time(w, "UpdatedAt", access->updated_ms);
    jw_key(w, "DeletedAt");
    jw_null(w);
    jw_str(w, "id", access->id);
    jw_time(w, "expiresAt", access->expires_ms);
    jw_flag(w, "deactivated", access->deactivated);
    jw_str(w, "description", access->description);
    jw_str(w, "requesterIP", access->requester_ip);
    jw_str(w, "user", access->user);
    jw_str(w, "accessKeyName", access->access_key);
    jw_object_end(w);
}

static void write_person(struct json_writer *w, const struct backup_person *person)
{
    jw_str(w, "email", person->email);
    jw_key(w, "permissions");
    jw_array(w);
    for (size_t i = 0; i < person->roles.n; i++)
        jw_slice(w, person->roles.names[i]);
    jw_array_end(w);
}

/* --- logging in --------------------------------------------------------------------------------
 */

static void refuse_login(struct request *req)
{
    reply_error(req, ERR_UNAUTHORIZED, SLICE("incorrect Username or Password"));
}

/* However both are written; a network is allowed, too. */
static bool is_from(struct slice ip, struct slice allowed)
{
    struct address address;
    struct cidr network;

    return address_from_text(ip, &address) && cidr_parse(allowed, &network) &&
           cidr_contains(&network, &address);
}

static bool may_come_from(const struct backup_person *person, const struct request *req)
{
    if (!person->address_count || !config_bool(req->gateway->config, "backup.restrict_by_ip"))
        return true;
    for (size_t i = 0; i < person->address_count; i++)
        if (is_from(req->peer_ip, person->addresses[i]))
            return true;
    return false;
}

static struct slice password_of(struct arena *arena, const struct backup_person *person,
                                struct slice access_key)
{
    const struct backup_access_key *key;

    if (!access_key.n)
        return person->password;
    key = backup_person_key(person, access_key);
    return key ? stored_password_phc(arena, key->password) : SLICE_NONE;
}

/* Refused in the same words, after the same work, whatever is wrong: the name, the key's name, the
 * password, a secret that is missing, a user who is shut out or whose file is broken. Whether a
 * name is an account's, a file's or nobody's makes no difference either: each kind of hash that
 * there is here is computed. */
static bool prove_or_reply(struct request *req, const struct credentials *given,
                           struct backup_person *person)
{
    struct gateway *gateway = req->gateway;
    struct login_subject subject = {.name = given->username};
    const struct password_kinds *kinds;
    struct slice phc = SLICE_NONE;
    struct login_guard guard;
    enum err err = backup_person_find(&req->task, gateway, given->username, person);
    bool welcome = err == OK && !person->deactivated && may_come_from(person, req);

    if (err != ERR_NOT_FOUND && err != ERR_INTERNAL && !ok_or_reply(req, err))
        return false;
    if (err == OK) {
        subject.user_id = person->user_id;
        subject.partition = person->partition;
        phc = password_of(req->task.arena, person, given->access_key);
    }
    kinds = manifests_password_kinds(&req->task, backup_manifests(gateway));
    if (!guard_enter_or_reply(req, &subject, &guard))
        return false;
    err =
        password_verify(&req->task, gateway->passwords, kinds, &guard.asker, given->password, phc);
    if (err == OK && !welcome)
        err = ERR_UNAUTHORIZED;
    login_guard_leave(&req->task, &guard, err);
    if (err != ERR_UNAUTHORIZED)
        return ok_or_reply(req, err);
    refuse_login(req);
    return false;
}

static void reply_login(struct request *req, const struct opened *login)
{
    struct json_writer w = reply_json(req);

    write_login(&w, login);
    reply_header(req, "Cache-Control", SLICE("no-store"));
    reply_written(req, 200);
}

/* The password was changed while it, or the session, was being proved: who is logged out by that is
 * logged out. */
static enum err still_proved(struct request *req, const struct backup_person *proved,
                             const struct opened *login)
{
    struct backup_person person;
    enum err err = backup_person_find(&req->task, req->gateway, proved->login, &person);

    if (err == OK && !person.deactivated && slice_eq(person.password, proved->password) &&
        person.logged_out_ms == proved->logged_out_ms)
        return OK;
    granted_access_revoke(&req->task, req->gateway->state, &login->access);
    return err == OK ? ERR_UNAUTHORIZED : err;
}

void backup_repository_login(struct request *req)
{
    struct credentials given;
    struct backup_person person;
    struct opened login;

    if (!credentials_read(req, &given)) {
        reply_error(req, ERR_UNAUTHORIZED, SLICE("missing Username or Password"));
        return;
    }
    if (!prove_or_reply(req, &given, &person))
        return;
    enum err err = given.scope_refused ? ERR_VALIDATION : OK;
    if (err == OK) {
        struct backup_claims claims = {.user_id = person.user_id,
                                       .login = person.login,
                                       .access_key = given.access_key,
                                       .scope = given.scope};
        err = open_session(req, &claims, &person, &login);
        if (err == OK)
            err = still_proved(req, &person, &login);
    }
    if (err == ERR_VALIDATION)
        reply_error(req, err, SLICE("operationsScope is no list of grants, or too long"));
    else if (err == ERR_UNAUTHORIZED)
        refuse_login(req);
    else if (ok_or_reply(req, err))
        reply_login(req, &login);
}

/* The original answers with bare members and forgets the new session; clients of either form find
 * theirs. */
static void reply_refresh(struct request *req, const struct opened *login)
{
    struct json_writer w = reply_json(req);

    jw_object(&w);
    jw_int(&w, "code", 200);
    jw_key(&w, "data");
    write_login(&w, login);
    jw_time(&w, "expire", login->access.expires_ms);
    jw_flag(&w, "status", true);
    jw_str(&w, "token", login->token);
    jw_object_end(&w);
    reply_header(req, "Cache-Control", SLICE("no-store"));
    reply_raw(req, 200, "application/json", buf_slice(w.out));
}

void backup_repository_refresh(struct request *req)
{
    const struct backup_caller *caller;
    struct slice detail;
    struct opened login;
    enum err err = backup_caller_prove(req, REFRESH_GRACE_S, &caller, &detail);

    if (err == OK) {
        struct backup_claims claims = caller->claims;
        err = open_session(req, &claims, &caller->person, &login);
        if (err == OK)
            err = still_proved(req, &caller->person, &login);
    }
    if (err != OK)
        reply_error(req, err, detail);
    else
        reply_refresh(req, &login);
}

/* --- looking -----------------------------------------------------------------------------------
 */

void backup_repository_whoami(struct request *req)
{
    const struct backup_caller *caller = backup_caller_of(req);
    struct json_writer w = reply_json(req);

    jw_object(&w);
    write_person(&w, &caller->person);
    jw_key(&w, "grantedAccess");
    write_access(&w, &caller->access);
    jw_str(&w, "sessionId", caller->access.id);
    jw_object_end(&w);
    reply_written(req, 200);
}

/* Anyone may view whom they share an e-mail address with: themselves, mostly. Accounts of the hub
 * choose their own addresses, so that one says nothing. A narrowed session is about its objects and
 * views nobody. */
static bool is_like_oneself(struct request *req, const struct backup_person *person)
{
    const struct backup_caller *caller = backup_caller_of(req);
    const struct backup_person *self = &caller->person;
    bool in_file = slice_eq(self->user_id, backup_user_id(req->task.arena, self->login));

    if (roles_narrowed(&caller->subject))
        return false;
    return slice_eq(person->user_id, self->user_id) ||
           (in_file && person->email.n && slice_eq(person->email, self->email));
}

void backup_repository_user(struct request *req)
{
    const struct backup_caller *caller = backup_caller_of(req);
    struct backup_person person = {0};
    bool may = roles_allow(&caller->subject, ACTION_PROFILE_VIEW, NULL);
    enum err err =
        backup_person_find(&req->task, req->gateway, request_param(req, "name"), &person);

    if (err == OK && !may)
        may = is_like_oneself(req, &person);
    if (!may && (err == OK || err == ERR_NOT_FOUND || err == ERR_INTERNAL)) {
        reply_error(req, ERR_FORBIDDEN, SLICE("no permissions to view that user account"));
    } else if (err == ERR_NOT_FOUND) {
        reply_error(req, err, SLICE("IsError retrieving user: there is no user of this name"));
    } else if (err == ERR_INTERNAL) {
        reply_error(req, ERR_NOT_FOUND,
                    SLICE("IsError retrieving user: the definition of this user is broken"));
    } else if (ok_or_reply(req, err)) {
        struct json_writer w = reply_json(req);

        jw_object(&w);
        write_person(&w, &person);
        jw_object_end(&w);
        reply_written(req, 200);
    }
}

/* Sessions of a user outlive the user's file; the id is made of the name. */
static enum err user_id_of(struct request *req, struct slice name, struct slice *user_id,
                           unsigned *partition)
{
    struct backup_person person;
    enum err err = backup_person_find(&req->task, req->gateway, name, &person);

    if (err == OK) {
        *user_id = person.user_id;
        *partition = person.partition;
    } else if (err == ERR_NOT_FOUND || err == ERR_INTERNAL) {
        *user_id = backup_user_id(req->task.arena, name);
        *partition = BACKUP_PARTITION;
        err = OK;
    }
    return err;
}

static void reply_list(struct request *req, const struct granted_access *list, size_t n)
{
    struct json_writer w = reply_json(req);

    jw_object(&w);
    jw_key(&w, "grantedAccesses");
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_access(&w, &list[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    reply_written(req, 200);
}

void backup_repository_tokens(struct request *req)
{
    const struct backup_caller *caller = backup_caller_of(req);
    struct slice name = request_query(req, "userName"), user_id = caller->person.user_id;
    unsigned partition = caller->person.partition;
    struct granted_access *list = NULL;
    enum err err = OK;
    size_t n = 0;

    bool other = name.n && !slice_eq(name, caller->person.login);
    if (roles_narrowed(&caller->subject) ||
        (other && !roles_allow(&caller->subject, ACTION_MANAGE_SESSIONS, NULL))) {
        reply_error(req, ERR_FORBIDDEN, SLICE("no permissions to act as other user"));
        return;
    }
    if (other)
        err = user_id_of(req, name, &user_id, &partition);
    if (err == OK)
        err = granted_access_list(&req->task, req->gateway->state, user_id, partition, &list, &n);
    if (ok_or_reply(req, err))
        reply_list(req, list, n);
}

/* --- logging out -------------------------------------------------------------------------------
 */

static void reply_logout(struct request *req, struct slice revoked)
{
    struct json_writer w = reply_json(req);

    jw_object(&w);
    jw_str(&w, "message", SLICE("JWT was revoked"));
    jw_str(&w, "revokedSessionId", revoked);
    jw_str(&w, "sessionId", backup_caller_of(req)->access.id);
    jw_object_end(&w);
    reply_written(req, 200);
}

/* A narrowed session may end itself alone. */
static bool is_own(const struct backup_caller *caller, const struct granted_access *access)
{
    return roles_narrowed(&caller->subject) ? slice_eq(access->id, caller->access.id)
                                            : slice_eq(access->user_id, caller->person.user_id);
}

/* Who may not end other people's sessions does not learn which there are. */
void backup_repository_logout(struct request *req)
{
    const struct backup_caller *caller = backup_caller_of(req);
    struct state *state = req->gateway->state;
    struct slice wanted = request_query(req, "sessionId");
    struct granted_access access = caller->access;
    bool any = roles_allow(&caller->subject, ACTION_MANAGE_SESSIONS, NULL);
    enum err err = wanted.n ? granted_access_find(&req->task, state, wanted, &access) : OK;

    bool own = err == OK && is_own(caller, &access);
    if ((err == OK || err == ERR_NOT_FOUND) && !own && !any) {
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("you don't have permissions to revoke session of other user"));
        return;
    }
    if (err == ERR_NOT_FOUND) {
        reply_error(req, err,
                    SLICE("specified session identifier is not valid, cannot find GrantedAccess "
                          "of specified id"));
        return;
    }
    if (err == OK)
        err = granted_access_revoke(&req->task, state, &access);
    if (ok_or_reply(req, err))
        reply_logout(req, access.id);
}
