#include "gateway/surfaces/backup_repository/ready.h"

#include "base/crypto.h"
#include "gateway/access/authentication.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/surfaces/backup_repository/files.h"
#include "gateway/surfaces/backup_repository/health.h"
#include "gateway/surfaces/backup_repository/surface.h"
#include "handlers.h"

enum { FILES_NAMED_MAX = 10 };

/* A bearer token is no code: probes of the hub may send one with every request. */
bool backup_ready_is_asked(const struct request *req)
{
    struct slice header = request_header(req, "Authorization"), token;

    return request_query(req, "code").p || (header.p && !authentication_bearer(header, &token));
}

static bool code_is_right(const struct request *req)
{
    struct slice key = config_text(req->gateway->config, "backup.health_check_key");

    return key.n > 0 && health_code_given(req, sha256_hex(req->task.arena, key));
}

static struct slice check_database(struct request *req)
{
    struct redis_value answer;
    enum err err = state_command(&req->task, req->gateway->state->durable, &answer, SLICE("PING"));

    return err == OK ? SLICE_NONE : SLICE("the database does not answer");
}

static struct slice check_storage(struct request *req)
{
    return store_works(&req->task, req->gateway->store) ? SLICE_NONE
                                                        : SLICE("the storage cannot be written");
}

static struct slice check_configuration(struct request *req)
{
    struct arena *arena = req->task.arena;
    struct slice *problems, text;
    size_t n;

    manifests_inspect(&req->task, backup_manifests(req->gateway), &problems, &n);
    if (n == 0)
        return SLICE_NONE;
    text = SLICE("configuration provider is not usable");
    for (size_t i = 0; i < n && i < FILES_NAMED_MAX; i++)
        text = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(text), i ? "; " : ": ",
                            SLICE_ARG(problems[i]));
    return text;
}

static const struct {
    struct slice name;
    struct slice (*look)(struct request *req); /* what is wrong, or nothing */
} checks[] = {
    {SLICE_INIT("DbValidator"), check_database},
    {SLICE_INIT("StorageValidator"), check_storage},
    {SLICE_INIT("ConfigurationProviderValidator"), check_configuration},
};

enum { CHECKS = sizeof checks / sizeof checks[0] };

void backup_ready_reply(struct request *req)
{
    struct health_item made[CHECKS];

    req->surface = &surface_backup_repository;
    if (!guard_may_try_or_reply(req, RATE_READY_CODE))
        return;
    if (!code_is_right(req)) {
        guard_count_failure(req, RATE_READY_CODE);
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("the health code is not right: give it in the Authorization header or in "
                          "the `code` parameter of the query"));
        return;
    }
    for (size_t i = 0; i < CHECKS; i++)
        made[i] = (struct health_item){checks[i].name, checks[i].look(req)};
    health_reply(req, made, CHECKS);
}
