/* upload_form.h: a request that carries one file: a multipart/form-data form, or the file alone as
 * the body. The file goes to the store while it arrives, its type is judged by its first bytes, the
 * texts (parts of the form; parameters of the query that the form's schema names) are collected and
 * checked against the route's schema. For every surface that takes files in this way. */
#pragma once

#include "gateway/request.h"
#include "store/upload.h"

enum { UPLOAD_FORM_TEXTS_MAX = 32, UPLOAD_FORM_TEXT_BYTES_MAX = 64 << 10 };

struct upload_form {
    struct upload *upload;  /* complete; whoever gets it keeps or drops it */
    struct slice filename;  /* without folders; may be empty */
    struct slice mime_type; /* by content: one of store/sniff.h */
    struct slice names[UPLOAD_FORM_TEXTS_MAX], values[UPLOAD_FORM_TEXTS_MAX];
    size_t text_count;
};

struct upload_form_bounds {
    uint64_t max_bytes;  /* of a file */
    uint64_t room_bytes; /* that the account has left */
};

/* file_part: the name of the file's part, and of the file alone in what is said of it. False: the
 * client has its answer, nothing was kept. That is 400 for no file, two files, an empty one or a
 * malformed body, 413 past max_bytes, 415 for a type that is not taken, 507 past room_bytes or when
 * the disk is full. */
bool upload_form_read_or_reply(struct request *req, struct slice file_part,
                               const struct upload_form_bounds *bounds, struct upload_form *out);

/* The value of a text; empty when absent. */
struct slice upload_form_text(const struct upload_form *form, const char *name);
