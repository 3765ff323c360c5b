/* err.h: every way in which an operation can be refused or fail, as one table made from
 * schemas/errors.yaml. Code switches on enum err; HTTP status, the slug that clients read, the
 * default message and the log level stand in the row. */
#pragma once

#include "base/slice.h"

enum err {
    OK = 0,
#define ERR(name, status, slug, message, level) ERR_##name,
#include "errors.def"
#undef ERR
    ERR_COUNT_
};

struct err_row {
    int status;           /* HTTP */
    struct slice slug;    /* "not_found" */
    struct slice message; /* one sentence for a person */
    int level;            /* enum log_level */
};

const struct err_row *err_row(enum err err); /* err != OK */
