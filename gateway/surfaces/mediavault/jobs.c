/* What workers have to do, are doing, and could not do (contracts/mediavault.md has nothing of it):
 * an account sees the jobs about what it owns, an admin all. */
#include "gateway/gateway.h"
#include "gateway/jobs/jobserver.h"
#include "gateway/surfaces/mediavault/surface.h"
#include "handlers.h"
#include "state/job_kind.h"
#include "state/job_list.h"
#include "state/media.h"
#include "state/progress.h"

static void write_subject(struct json_writer *w, const struct job *job)
{
    jw_key(w, "subject");
    jw_object(w);
    jw_str(w, "type", job_subject_name(job->subject));
    jw_str(w, "id", job->subject_id);
    jw_object_end(w);
}

static void write_failure(struct json_writer *w, const struct job *job)
{
    jw_key(w, "failure");
    if (job->state != JOB_PARKED) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_str(w, "code", job->code.n ? job->code : SLICE("failed"));
    jw_str(w, "message", job->reason);
    jw_str_or_null(w, "log", job->log);
    jw_object_end(w);
}

static void write_job(struct json_writer *w, const struct job *job)
{
    jw_object(w);
    jw_str(w, "id", job->id);
    jw_str(w, "user_id", job->owner);
    jw_str(w, "kind", job_kind_name(job->kind));
    jw_str(w, "lane", job_lane_name(job->lane));
    jw_str(w, "status", job_status_name(job->state));
    write_subject(w, job);
    jw_int(w, "failed_attempts", (int64_t)job->deaths);
    write_failure(w, job);
    jw_time(w, "created_at", job->created_ms);
    jw_time(w, "parked_at", job->parked_ms);
    jw_object_end(w);
}

/* Others see that there is none. */
static bool load_or_reply(struct request *req, struct job *out)
{
    *out = (struct job){.id = request_param(req, "id")};
    enum err err = record_load(&req->task, req->gateway->state, out);

    if (err == OK && !req->principal.admin && !slice_eq(out->owner, req->principal.user_id))
        err = ERR_NOT_FOUND;
    return ok_or_reply(req, err);
}

static void reply_job(struct request *req, int status, const struct job *job)
{
    struct json_writer w = reply_json(req);

    write_job(&w, job);
    reply_written(req, status);
}

static bool filter_or_reply(struct request *req, const struct page *page, struct job_filter *out)
{
    bool everybody = slice_eq(request_query(req, "scope"), SLICE("all"));

    if (everybody && !req->principal.admin) {
        reply_error(req, ERR_FORBIDDEN, SLICE("Only admins list what others own."));
        return false;
    }
    *out = (struct job_filter){
        .owner = everybody ? SLICE_NONE : req->principal.user_id,
        .skip = (page->number - 1) * page->size,
        .limit = page->size,
    };
    out->by_state = job_status_parse(request_query(req, "status"), &out->state);
    return true;
}

void mediavault_jobs_list(struct request *req)
{
    struct page page = mediavault_page(req);
    struct job_filter filter;
    struct job *jobs;
    size_t n;

    if (!filter_or_reply(req, &page, &filter))
        return;
    enum err err = job_list(&req->task, req->gateway->state, &filter, &jobs, &n, &page.total);
    if (!ok_or_reply(req, err))
        return;
    struct json_writer w = reply_json(req);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write_job(&w, &jobs[i]);
    jw_array_end(&w);
    page.count = n;
    reply_written_page(req, &page);
}

void mediavault_jobs_get(struct request *req)
{
    struct job job;

    if (load_or_reply(req, &job))
        reply_job(req, 200, &job);
}

void mediavault_jobs_retry(struct request *req)
{
    struct state *state = req->gateway->state;
    struct job job;

    if (!load_or_reply(req, &job))
        return;
    enum err err = media_retry(&req->task, state, job.id);
    if (err == ERR_CONFLICT) {
        reply_error(req, err, SLICE("Only a parked job can be tried again."));
        return;
    }
    if (!ok_or_reply(req, err))
        return;
    progress_publish(state, &job, JOB_QUEUED, 0); /* before anything tells how it runs */
    jobserver_wake(req->gateway->jobs);
    if (load_or_reply(req, &job))
        reply_job(req, 202, &job);
}
