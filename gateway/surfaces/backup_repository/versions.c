/* Versions of backups: taking them in, giving them out, and whether a collection is well. */
#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/download.h"
#include "gateway/gateway.h"
#include "gateway/surfaces/backup_repository/caller.h"
#include "gateway/surfaces/backup_repository/collection.h"
#include "gateway/surfaces/backup_repository/files.h"
#include "gateway/surfaces/backup_repository/health.h"
#include "gateway/surfaces/backup_repository/intake.h"
#include "gateway/surfaces/backup_repository/surface.h"
#include "handlers.h"
#include "store/store_content.h"

/* --- the collection ----------------------------------------------------------------------------
 */

static bool find_collection_or_reply(struct request *req, struct backup_collection *out)
{
    enum err err = manifest_collection(&req->task, backup_manifests(req->gateway),
                                       request_param(req, "id"), out);

    if (err == ERR_NOT_FOUND)
        reply_error(req, err, SLICE("cannot find specified collection"));
    else if (err == ERR_INTERNAL)
        reply_error(req, ERR_UPLOAD_REJECTED, SLICE("the definition of this collection is broken"));
    else
        return ok_or_reply(req, err);
    return false;
}

static bool may(struct request *req, enum action action, const struct backup_collection *collection)
{
    struct object object = collection_object(collection);

    return roles_allow(&backup_caller_of(req)->subject, action, &object);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void write_version(struct json_writer *w, const struct backup_version *version)
{
    jw_object(w);
    jw_time(w, "CreatedAt", version->created_ms);
    jw_time(w, "UpdatedAt", version->updated_ms);
    jw_key(w, "DeletedAt");
    jw_null(w);
    jw_str(w, "id", version->id);
    jw_str(w, "collectionId", version->collection);
    jw_int(w, "versionNumber", (int64_t)version->number);
    jw_str(w, "filename", version->filename);
    jw_int(w, "filesize", (int64_t)version->size);
    jw_str(w, "uploadedBySessionId", version->session_id);
    jw_str(w, "user", version->user);
    jw_object_end(w);
}

static void reply_version(struct request *req, const struct backup_version *version)
{
    struct json_writer w = reply_json(req);

    jw_object(&w);
    jw_key(&w, "version");
    write_version(&w, version);
    jw_object_end(&w);
    reply_written(req, 200);
}

/* --- uploading ---------------------------------------------------------------------------------
 */

void backup_repository_upload(struct request *req)
{
    const struct backup_caller *caller = backup_caller_of(req);
    struct backup_collection collection;
    struct backup_version version;

    if (!find_collection_or_reply(req, &collection))
        return;
    if (!may(req, ACTION_UPLOAD, &collection)) {
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("not authorized to upload versions to this collection"));
        return;
    }
    if (!collection_is_open(&collection, clock_unix_ms()) &&
        !may(req, ACTION_UPLOAD_ANYTIME, &collection)) {
        reply_error(req, ERR_FORBIDDEN, SLICE("no backup window of this collection is open now"));
        return;
    }
    version = (struct backup_version){
        .collection = collection.name,
        .session_id = caller->access.id,
        .user = caller->person.login,
    };
    if (intake_or_reply(req, &collection, &caller->person, &version))
        reply_version(req, &version);
}

/* --- downloading -------------------------------------------------------------------------------
 */

static enum err find_version(struct request *req, struct slice collection,
                             struct backup_version *out)
{
    struct slice wanted = request_param(req, "version");
    struct state *state = req->gateway->state;
    struct backup_version *newest;
    uint64_t number;
    size_t n;

    if (!slice_eq(wanted, SLICE("latest")))
        return slice_to_u64(wanted, &number)
                   ? backup_version_load(&req->task, state, collection, number, out)
                   : ERR_NOT_FOUND;
    enum err err = backup_version_newest(&req->task, state, collection, 1, &newest, &n);
    if (err == OK && n == 0)
        return ERR_NOT_FOUND;
    if (err == OK)
        *out = newest[0];
    return err;
}

void backup_repository_download(struct request *req)
{
    struct backup_collection collection;
    struct backup_version version;
    uint64_t size;
    int fd;

    if (!find_collection_or_reply(req, &collection))
        return;
    if (!may(req, ACTION_DOWNLOAD, &collection)) {
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("not authorized to download versions from this collection"));
        return;
    }
    enum err err = find_version(req, collection.name, &version);
    if (err == ERR_NOT_FOUND) {
        reply_error(req, err, SLICE("cannot find specified version"));
        return;
    }
    if (err == OK)
        err = store_blob_open(&req->task, req->gateway->store, version.sha256, &fd, &size);
    /* A record whose blob is gone is our fault. */
    if (!ok_or_reply(req, err == ERR_NOT_FOUND ? ERR_INTERNAL : err))
        return;
    download_reply(req,
                   &(struct download){
                       .fd = fd,
                       .size = size,
                       .etag = arena_printf(req->task.arena, "\"%.*s\"", SLICE_ARG(version.sha256)),
                       .modified_ms = version.created_ms,
                       .content_type = "application/octet-stream",
                       .filename = version.filename,
                       .attachment = true,
                       .cache_control = SLICE("private, no-cache"),
                   });
}

void backup_repository_versions(struct request *req)
{
    struct backup_collection collection;
    struct backup_version *versions;
    size_t n;

    if (!find_collection_or_reply(req, &collection))
        return;
    if (!may(req, ACTION_DOWNLOAD, &collection) && !may(req, ACTION_UPLOAD, &collection)) {
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("not authorized to list versions of this collection"));
        return;
    }
    enum err err = backup_version_newest(&req->task, req->gateway->state, collection.name,
                                         BACKUP_LIST_MAX, &versions, &n);
    if (!ok_or_reply(req, err))
        return;
    struct json_writer w = reply_json(req);
    jw_object(&w);
    jw_key(&w, "versions");
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_version(&w, &versions[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    reply_written(req, 200);
}

/* --- health ------------------------------------------------------------------------------------
 */

static bool code_is_right(const struct request *req, const struct backup_collection *collection)
{
    if (collection->health_secret_missing || !collection->health_secret.n)
        return !collection->health_secret_missing;
    return health_code_given(req, collection->health_secret);
}

static struct slice check_window(struct arena *arena, const struct backup_collection *collection,
                                 const struct backup_version *newest)
{
    uint64_t due_ms;

    if (!collection_due_since(collection, clock_unix_ms(), &due_ms) ||
        (newest && newest->created_ms >= due_ms))
        return SLICE_NONE;
    return arena_printf(arena, "there is no version since the backup window of %.*s",
                        SLICE_ARG(clock_rfc3339(arena, due_ms)));
}

static struct slice check_sizes(struct arena *arena, const struct backup_collection *collection,
                                const struct backup_version *versions, size_t n)
{
    for (size_t i = 0; collection->max_one_version_bytes && i < n; i++)
        if (versions[i].size > collection->max_one_version_bytes)
            return arena_printf(arena, "version %llu is larger than one version may be",
                                (unsigned long long)versions[i].number);
    return SLICE_NONE;
}

static struct slice check_sum(const struct backup_collection *collection,
                              const struct backup_stock *stock)
{
    return collection->max_collection_bytes && stock->bytes > collection->max_collection_bytes
               ? SLICE("all versions together are larger than they may be")
               : SLICE_NONE;
}

void backup_repository_health(struct request *req)
{
    struct arena *arena = req->task.arena;
    struct backup_collection collection;
    struct backup_version *versions;
    struct backup_stock stock;
    size_t n;

    if (!find_collection_or_reply(req, &collection))
        return;
    if (!code_is_right(req, &collection)) {
        reply_error(req, ERR_FORBIDDEN,
                    SLICE("the health code is not right: give it in the "
                          "Authorization header or in the `code` parameter"));
        return;
    }
    enum err err = backup_stock_load(&req->task, req->gateway->state, collection.name, &stock);
    if (err == OK)
        err = backup_version_newest(&req->task, req->gateway->state, collection.name,
                                    BACKUP_LIST_MAX, &versions, &n);
    if (!ok_or_reply(req, err))
        return;
    const struct health_item checks[] = {
        {SLICE("BackupWindowValidator"), check_window(arena, &collection, n ? versions : NULL)},
        {SLICE("VersionsSizeValidator"), check_sizes(arena, &collection, versions, n)},
        {SLICE("SumOfVersionsValidator"), check_sum(&collection, &stock)},
    };
    health_reply(req, checks, sizeof checks / sizeof checks[0]);
}
