#include "gateway/file_body.h"

#include "gateway/http/multipart.h"

void file_body_open(struct request *req, struct slice part_name, struct file_body *out)
{
    struct slice type = request_header(req, "Content-Type"), parameters;

    *out = (struct file_body){
        .req = req,
        .multipart = multipart_new(req->task.arena, type),
        .part_name = part_name,
    };
    slice_split(type, ';', &type, &parameters);
    out->unreadable =
        !out->multipart && slice_eq_nocase(slice_trim(type), SLICE("multipart/form-data"));
}

static enum err refuse(struct file_body *body, struct slice problem)
{
    body->problem = problem;
    return ERR_BAD_REQUEST;
}

static enum err begin_part(struct file_body *body, const struct multipart_part *part)
{
    body->in_file = slice_eq(part->name, body->part_name);
    if (!body->in_file)
        return OK;
    if (body->seen)
        return refuse(body, SLICE("The form has two such files; only one at a time."));
    body->seen = true;
    return OK;
}

static enum err feed(struct file_body *body)
{
    struct slice more;
    enum err err = request_read(body->req, &more);

    if (err == OK) {
        multipart_feed(body->multipart, more);
        body->fed_all = more.n == 0;
    }
    return err;
}

static enum err next_of_form(struct file_body *body, struct slice *chunk)
{
    enum multipart_event event;
    struct multipart_part part;
    enum err err = OK;

    *chunk = SLICE_NONE;
    while (err == OK) {
        struct slice data = SLICE_NONE;

        err = multipart_next(body->multipart, &event, &part, &data);
        if (err != OK)
            return refuse(body, multipart_problem(body->multipart));
        if (event == MULTIPART_PART) {
            err = begin_part(body, &part);
        } else if (event == MULTIPART_DATA && body->in_file && data.n) {
            *chunk = data;
            return OK;
        } else if (event == MULTIPART_NEED_MORE) {
            if (body->fed_all && !body->seen)
                return refuse(body,
                              arena_printf(body->req->task.arena, "The form has no part \"%.*s\".",
                                           SLICE_ARG(body->part_name)));
            if (body->fed_all)
                return OK;
            err = feed(body);
        }
    }
    return err;
}

enum err file_body_next(struct file_body *body, struct slice *chunk)
{
    if (body->unreadable)
        return refuse(body, SLICE("The Content-Type names no boundary of the form's parts."));
    return body->multipart ? next_of_form(body, chunk) : request_read(body->req, chunk);
}
