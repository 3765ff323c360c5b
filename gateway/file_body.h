/* file_body.h: the bytes of the one file that a request carries, whichever way: as the whole body,
 * or as a part of a multipart/form-data body. For handlers that stream (BODY_STREAM); nothing is
 * kept and no type is judged here. */
#pragma once

#include "gateway/request.h"

struct file_body {
    struct request *req;
    struct multipart *multipart; /* NULL: the whole body is the file */
    struct slice part_name;
    struct slice problem;        /* for the sender, after ERR_BAD_REQUEST with a form; else empty */
    bool unreadable;             /* it says that it is a form, and not where its parts end */
    bool in_file, seen, fed_all; /* the file's part is being read, was there; the body's end too */
};

/* part_name: of the file's part in a form. */
void file_body_open(struct request *req, struct slice part_name, struct file_body *out);

/* *chunk is empty at the end, and valid until the next call. What request_read() gives, and
 * ERR_BAD_REQUEST for a form that is malformed, or has two such files or none. Suspends. */
enum err file_body_next(struct file_body *body, struct slice *chunk);
