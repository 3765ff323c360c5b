#include "gateway/surfaces/backup_repository/intake.h"

#include "gateway/dispatch.h"
#include "gateway/file_body.h"
#include "gateway/gateway.h"
#include "gateway/http/exchange.h"
#include "gateway/reply.h"
#include "gateway/surfaces/backup_repository/armour.h"
#include "gateway/surfaces/backup_repository/filename.h"
#include "state/lease.h"
#include "store/upload.h"

#include <inttypes.h>

enum {
    LEASE_MS = 4000, /* for so long the upload of a gateway that died stands in the way */
    MS_PER_S = 1000,
};

struct intake {
    struct request *req;
    const struct backup_collection *collection;
    struct lease_keeper *lease; /* NULL: nobody could say who holds it */
    struct backup_stock stock;
    struct backup_version *surplus; /* what gives way */
    size_t surplus_count;
    uint64_t room;
    struct upload *upload;
    struct slice problem; /* for the answer; empty: the error's own words */
};

static enum err refuse(struct intake *intake, enum err why, struct slice problem)
{
    intake->problem = problem;
    return why;
}

/* The original's words stand before what is wrong with the bytes. */
static enum err refuse_bytes(struct intake *intake, struct slice problem)
{
    return refuse(intake, ERR_UPLOAD_REJECTED,
                  arena_printf(intake->req->task.arena,
                               "cannot upload version. cannot upload file, cannot copy stream, "
                               "error: %.*s",
                               SLICE_ARG(problem)));
}

/* --- one at a time -----------------------------------------------------------------------------
 */

static enum err refuse_parallel(struct intake *intake)
{
    return refuse(intake, ERR_UPLOAD_REJECTED,
                  SLICE("cannot upload to same collection in parallel"));
}

/* When nobody can say who holds it, the commit alone decides: two uploads at once are then two
 * versions, one after the other. */
static enum err hold(struct intake *intake)
{
    struct task *task = &intake->req->task;
    struct state *state = intake->req->gateway->state;
    struct slice key =
        arena_printf(task->arena, "backup:upload:%.*s", SLICE_ARG(intake->collection->name));
    struct slice holder = lease_holder_new(task->arena);
    enum err err = lease_take(task, state, key, holder, LEASE_MS);

    if (err == ERR_CONFLICT)
        return refuse_parallel(intake);
    if (err == OK) {
        intake->lease = lease_keep(state, key, holder, LEASE_MS);
        return intake->lease ? OK : ERR_OVERLOADED;
    }
    return OK;
}

static enum err still_held(struct intake *intake)
{
    return intake->lease && lease_lost(intake->lease) ? refuse_parallel(intake) : OK;
}

/* --- rotation ----------------------------------------------------------------------------------
 */

static uint64_t freed_bytes(const struct intake *intake)
{
    uint64_t freed = 0;

    for (size_t i = 0; i < intake->surplus_count; i++)
        freed += intake->surplus[i].size;
    return freed;
}

static enum err refuse_size(struct intake *intake)
{
    return refuse_bytes(intake, arena_printf(intake->req->task.arena,
                                             "filesize reached allowed limit of %" PRIu64 " bytes",
                                             intake->room));
}

/* What the collection has, what has to go for one more, and how large that may be. */
static enum err plan(struct intake *intake)
{
    struct task *task = &intake->req->task;
    struct state *state = intake->req->gateway->state;
    const struct backup_collection *collection = intake->collection;
    uint64_t surplus;
    enum err err = backup_stock_load(task, state, collection->name, &intake->stock);

    if (err != OK)
        return err;
    if (!collection_surplus(collection, &intake->stock, &surplus))
        return refuse(
            intake, ERR_UPLOAD_REJECTED,
            SLICE("cannot upload version. the collection has as many versions as it may"));
    if (surplus > BACKUP_REMOVED_MAX) /* the bound was lowered by much: the rest goes next time */
        surplus = BACKUP_REMOVED_MAX;
    err = backup_version_after(task, state, collection->name, 0, (size_t)surplus, &intake->surplus,
                               &intake->surplus_count);
    intake->room = collection_room(collection, &intake->stock, freed_bytes(intake));
    return err;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static enum err take_chunk(struct intake *intake, struct armour *armour, struct slice chunk)
{
    armour_feed(armour, chunk);
    if (armour_refused(armour))
        return refuse_bytes(
            intake, SLICE("first chunk of uploaded data does not contain a valid GPG header"));
    enum err err = still_held(intake);
    if (err == OK)
        err = upload_write(&intake->req->task, intake->upload, chunk);
    return err == ERR_PAYLOAD_TOO_LARGE ? refuse_size(intake) : err;
}

static enum err judge_whole(struct intake *intake, const struct armour *armour)
{
    if (upload_size(intake->upload) == 0)
        return refuse_bytes(intake, SLICE("sent empty data"));
    if (!armour_begins(armour))
        return refuse_bytes(
            intake, SLICE("first chunk of uploaded data does not contain a valid GPG header"));
    if (!armour_complete(armour))
        return refuse_bytes(intake,
                            SLICE("end of uploaded data does not contain a valid GPG footer"));
    return OK;
}

static enum err receive(struct intake *intake)
{
    const struct http_head *head = &intake->req->head;
    struct armour armour;
    struct file_body body;
    struct slice chunk;

    file_body_open(intake->req, SLICE("file"), &body);
    if (!body.multipart && head->has_length && head->content_length > intake->room)
        return refuse_size(intake);
    enum err err = upload_begin(&intake->req->task, intake->req->gateway->store, intake->room,
                                head->has_length ? head->content_length : 0, &intake->upload);
    if (err != OK)
        return err;
    armour_init(&armour);
    while ((err = file_body_next(&body, &chunk)) == OK && chunk.n)
        if ((err = take_chunk(intake, &armour, chunk)) != OK)
            return err;
    if (err != OK)
        return refuse(intake, err, body.problem);
    return judge_whole(intake, &armour);
}

/* --- the record --------------------------------------------------------------------------------
 */

/* An account of another partition has its events there, and cannot be told of this one. */
static struct slice owner_of(struct arena *arena, const struct backup_person *person)
{
    return person->partition == BACKUP_PARTITION ? person->user_id
                                                 : backup_user_id(arena, SLICE(""));
}

struct recording {
    struct intake *intake;
    struct slice owner;
    struct backup_version *version;
    bool again;
};

/* Somebody else's version came first, when the lease could not tell: plan again. */
static enum err record_once(struct task *task, struct state *state, void *arg)
{
    struct recording *recording = arg;
    struct intake *intake = recording->intake;
    struct backup_version *version = recording->version;
    enum err err = recording->again ? plan(intake) : OK;

    recording->again = true;
    if (err == OK && version->size > intake->room)
        err = refuse_size(intake);
    if (err != OK)
        return err;
    version->filename =
        backup_filename(task->arena, intake->collection->filename_template, intake->stock.last + 1);
    return backup_version_add(task, state, &intake->stock, version, recording->owner,
                              intake->surplus, intake->surplus_count);
}

static enum err record(struct intake *intake, const struct backup_person *person,
                       struct backup_version *version)
{
    struct task *task = &intake->req->task;
    struct recording recording = {
        .intake = intake, .owner = owner_of(task->arena, person), .version = version};
    enum err err = record_repeat(task, intake->req->gateway->state, record_once, &recording);

    return err == ERR_OVERTAKEN ? ERR_STATE_UNAVAILABLE : err;
}

/* Who pipes a backup into an upload ends the body in good order also when the backup has failed,
 * and hangs up: nothing else says so. What such a client has sent must not push a good version out.
 */
static enum err await_hangup(struct intake *intake)
{
    struct request *req = intake->req;
    uint64_t wait_s = config_number(req->gateway->config, "backup.hangup_wait");

    if (!exchange_stays(req->exchange, wait_s * MS_PER_S))
        return ERR_BAD_REQUEST;
    return still_held(intake);
}

static enum err run(struct intake *intake, const struct backup_person *person,
                    struct backup_version *version)
{
    enum err err = plan(intake);

    if (err == OK)
        err = receive(intake);
    if (err == OK)
        err = await_hangup(intake);
    if (err == OK)
        err = dispatch_still_admitted(intake->req);
    if (err != OK) {
        upload_drop(&intake->req->task, intake->upload);
        return err;
    }
    version->size = upload_size(intake->upload);
    err = upload_keep(&intake->req->task, intake->upload, &version->sha256);
    if (err == OK && intake->req->task.cancelled)
        err = ERR_BAD_REQUEST;
    return err == OK ? record(intake, person, version) : err;
}

bool intake_or_reply(struct request *req, const struct backup_collection *collection,
                     const struct backup_person *person, struct backup_version *version)
{
    struct intake intake = {.req = req, .collection = collection};
    enum err err = hold(&intake);

    if (err == OK)
        err = run(&intake, person, version);
    lease_keeper_stop(&req->task, intake.lease);
    if (err != OK)
        reply_error(req, err, intake.problem);
    return err == OK;
}
