#include "gateway/upload_form.h"

#include "base/charset.h"
#include "gateway/gateway.h"
#include "gateway/http/multipart.h"
#include "gateway/http/sent_name.h"
#include "gateway/once_gate.h"
#include "gateway/reply.h"
#include "gateway/route.h"
#include "gateway/validate.h"
#include "store/sniff.h"

/* What a form of one file may be larger than the file: its texts and the heads of its parts. */
enum { OVERHEAD_BYTES_MAX = 1 << 20 };

struct reader {
    struct request *req;
    struct multipart *multipart;
    struct slice file_part;
    uint64_t max_bytes;
    bool bound_by_room; /* of the account, not by the size of files */
    struct upload_form *form;
    bool in_file;                 /* the part being read is the file */
    bool fed_all;                 /* the end of the body too */
    struct buf text;              /* all values so far */
    size_t text_start;            /* of the current one */
    struct field_errors problems; /* with parts */
    struct slice detail;          /* with the whole */
};

static enum err refuse(struct reader *reader, enum err why, struct slice field,
                       struct slice message)
{
    reader->problems.list[0] = (struct field_error){field, message};
    reader->problems.n = 1;
    return why;
}

static enum err refuse_file(struct reader *reader, enum err why, struct slice message)
{
    return refuse(reader, why, reader->file_part, message);
}

static enum err refuse_size(struct reader *reader)
{
    if (reader->bound_by_room)
        return refuse_file(reader, ERR_QUOTA, SLICE("Is larger than what your account has left."));
    return refuse_file(reader, ERR_PAYLOAD_TOO_LARGE, SLICE("Is larger than allowed."));
}

static enum err refuse_all(struct reader *reader, enum err why, struct slice message)
{
    reader->detail = message;
    return why;
}

static enum err begin_upload(struct reader *reader, struct slice filename)
{
    const struct http_head *head = &reader->req->head;

    reader->in_file = true;
    reader->form->filename = filename;
    return upload_begin(&reader->req->task, reader->req->gateway->store, reader->max_bytes,
                        head->has_length ? head->content_length : 0, &reader->form->upload);
}

static enum err begin_file(struct reader *reader, const struct multipart_part *part)
{
    if (!slice_eq(part->name, reader->file_part))
        return refuse_file(reader, ERR_VALIDATION, SLICE("The file belongs into this part."));
    if (reader->form->upload)
        return refuse_file(reader, ERR_VALIDATION, SLICE("Only one file at a time."));
    return begin_upload(reader, part->filename);
}

static enum err begin_part(struct reader *reader, const struct multipart_part *part)
{
    struct upload_form *form = reader->form;

    reader->in_file = false;
    if (part->has_filename || slice_eq(part->name, reader->file_part))
        return begin_file(reader, part);
    if (form->text_count == UPLOAD_FORM_TEXTS_MAX)
        return refuse(reader, ERR_VALIDATION, part->name, SLICE("Too many parts."));
    form->names[form->text_count] = part->name;
    reader->text_start = reader->text.n;
    return OK;
}

static enum err judge(struct reader *reader)
{
    struct upload_form *form = reader->form;

    form->mime_type = sniff_mime(upload_head(form->upload));
    if (form->mime_type.n)
        return OK;
    return refuse_file(
        reader, ERR_UNSUPPORTED_MEDIA,
        arena_printf(reader->req->task.arena,
                     "By its content it is none of the formats that are taken: %.*s.",
                     SLICE_ARG(sniff_formats())));
}

static enum err take_data(struct reader *reader, struct slice data)
{
    struct upload_form *form = reader->form;

    if (!reader->in_file)
        return buf_add(&reader->text, data)
                   ? OK
                   : refuse(reader, ERR_PAYLOAD_TOO_LARGE, form->names[form->text_count],
                            SLICE("The texts are too long."));
    enum err err = upload_write(&reader->req->task, form->upload, data);
    if (err == ERR_PAYLOAD_TOO_LARGE)
        return refuse_size(reader);
    if (err == OK && !form->mime_type.n && upload_head(form->upload).n >= SNIFF_BYTES)
        err = judge(reader);
    return err;
}

static enum err end_part(struct reader *reader)
{
    struct arena *arena = reader->req->task.arena;
    struct upload_form *form = reader->form;

    if (!reader->in_file) {
        struct slice all = buf_slice(&reader->text);
        struct slice value = {all.p + reader->text_start, all.n - reader->text_start};

        value = charset_guess(arena, arena_dup(arena, value));
        form->values[form->text_count++] = value;
        return OK;
    }
    if (upload_size(form->upload) == 0)
        return refuse_file(reader, ERR_VALIDATION, SLICE("Is empty."));
    return form->mime_type.n ? OK : judge(reader);
}

/* Takes one event, or more of the body where the reader wants it. *done: all was read. */
static enum err step(struct reader *reader, bool *done)
{
    enum multipart_event event;
    struct multipart_part part;
    struct slice data;

    if (multipart_next(reader->multipart, &event, &part, &data) != OK)
        return refuse_all(reader, ERR_BAD_REQUEST, multipart_problem(reader->multipart));
    switch (event) {
    case MULTIPART_PART:
        return begin_part(reader, &part);
    case MULTIPART_DATA:
        return take_data(reader, data);
    case MULTIPART_PART_END:
        return end_part(reader);
    case MULTIPART_END:
        return OK;
    case MULTIPART_NEED_MORE:
        break;
    }
    *done = reader->fed_all;
    if (*done)
        return OK;
    once_keep(reader->req);
    enum err err = request_read(reader->req, &data);
    if (err == OK) {
        multipart_feed(reader->multipart, data);
        reader->fed_all = data.n == 0;
    }
    return err;
}

static enum err read_form(struct reader *reader)
{
    const struct http_head *head = &reader->req->head;
    bool done = false;
    enum err err = OK;

    if (head->has_length && head->content_length > OVERHEAD_BYTES_MAX &&
        head->content_length - OVERHEAD_BYTES_MAX > reader->max_bytes)
        return refuse_size(reader);
    while (err == OK && !done)
        err = step(reader, &done);
    if (err == OK && !reader->form->upload)
        return refuse_file(reader, ERR_VALIDATION, SLICE("Is required."));
    return err;
}

/* -- The file alone --------------------------------------------------------------------------- */

static bool is_of_a_file(struct slice content_type)
{
    static const struct slice groups[] = {SLICE_INIT("image"), SLICE_INIT("video"),
                                          SLICE_INIT("audio")};
    struct slice type, group, rest;

    slice_split(content_type, ';', &type, &rest);
    type = slice_trim(type);
    slice_split(type, '/', &group, &rest);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (slice_eq_nocase(group, groups[i]) && rest.n)
            return true;
    return slice_eq_nocase(type, SLICE("application/octet-stream"));
}

/* By Content-Disposition, as it is in an answer (RFC 6266), else by the query. */
static enum err read_filename(struct reader *reader, struct slice *filename)
{
    struct request *req = reader->req;
    struct arena *arena = req->task.arena;
    struct params params;
    const struct param named = {.value = charset_guess(arena, request_query(req, "filename"))};

    *filename = sent_filename(arena, &named, NULL);
    struct slice disposition = request_header(req, "Content-Disposition");
    if (!disposition.n)
        return OK;
    if (!params_parse(arena, charset_guess(arena, disposition), &params))
        return refuse_all(reader, ERR_VALIDATION,
                          SLICE("Content-Disposition gives a parameter twice, or has too many."));
    const struct param *plain = params_find(&params, SLICE("filename"));
    const struct param *extended = params_find(&params, SLICE("filename*"));
    if (plain || extended)
        *filename = sent_filename(arena, plain, extended);
    return OK;
}

static void take_texts(const struct reader *reader)
{
    const struct request *req = reader->req;
    const struct body_schema *schema = req->route->body;
    struct upload_form *form = reader->form;

    for (size_t i = 0; schema && i < schema->n && form->text_count < UPLOAD_FORM_TEXTS_MAX; i++) {
        struct slice value =
            request_query(req, arena_cstr(req->task.arena, schema->fields[i].name));

        if (!value.p)
            continue;
        form->names[form->text_count] = schema->fields[i].name;
        form->values[form->text_count++] = value;
    }
}

static enum err read_file(struct reader *reader)
{
    struct request *req = reader->req;
    struct slice filename, data = SLICE_NONE;

    if (req->head.has_length && req->head.content_length > reader->max_bytes)
        return refuse_size(reader);
    take_texts(reader);
    enum err err = read_filename(reader, &filename);
    if (err == OK)
        err = begin_upload(reader, filename);
    while (err == OK) {
        once_keep(req);
        err = request_read(req, &data);
        if (err != OK || data.n == 0)
            break;
        err = take_data(reader, data);
    }
    return err == OK ? end_part(reader) : err;
}

static enum err read_all(struct reader *reader)
{
    if (reader->multipart)
        return read_form(reader);
    if (is_of_a_file(request_header(reader->req, "Content-Type")))
        return read_file(reader);
    return refuse_all(reader, ERR_UNSUPPORTED_MEDIA,
                      SLICE("Send multipart/form-data with a boundary, or the file alone as "
                            "image/*, video/*, audio/* or application/octet-stream."));
}

static enum err check_texts(struct reader *reader)
{
    const struct request *req = reader->req;
    struct upload_form *form = reader->form;

    if (!req->route->body)
        return OK;
    return validate_query(req->task.arena, req->route->body, form->names, form->values,
                          form->text_count, &reader->problems);
}

static void reply_problems(const struct reader *reader, enum err why)
{
    if (reader->problems.n)
        reply_field_errors(reader->req, why, reader->problems.list, reader->problems.n);
    else
        reply_error(reader->req, why, reader->detail);
}

bool upload_form_read_or_reply(struct request *req, struct slice file_part,
                               const struct upload_form_bounds *bounds, struct upload_form *out)
{
    bool bound_by_room = bounds->room_bytes < bounds->max_bytes;
    struct reader reader = {
        .req = req,
        .file_part = file_part,
        .max_bytes = bound_by_room ? bounds->room_bytes : bounds->max_bytes,
        .bound_by_room = bound_by_room,
        .form = out,
    };

    *out = (struct upload_form){0};
    reader.multipart = multipart_new(req->task.arena, request_header(req, "Content-Type"));
    buf_init(&reader.text, UPLOAD_FORM_TEXT_BYTES_MAX);
    enum err err = read_all(&reader);
    buf_fini(&reader.text);
    if (err == OK)
        err = check_texts(&reader);
    if (err == OK)
        return true;
    upload_drop(&req->task, out->upload);
    reply_problems(&reader, err);
    return false;
}

struct slice upload_form_text(const struct upload_form *form, const char *name)
{
    for (size_t i = 0; i < form->text_count; i++)
        if (slice_eq(form->names[i], slice_from(name)))
            return form->values[i];
    return SLICE_NONE;
}
