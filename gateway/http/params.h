/* params.h: a header's value and its parameters, `value; name=token; name="quoted"` (RFC 9110
 * section 5.6.6), read as widely as they are sent: blanks around '=', blanks within an unquoted
 * value, nothing behind a ';', text that is no parameter. What two readers would understand
 * differently, a parameter given twice, is refused. */
#pragma once

#include "base/arena.h"

enum { PARAMS_MAX = 16 };

struct param {
    struct slice name, value;
    bool quoted; /* it stood in quotation marks, which are taken off */
};

struct params {
    struct slice value; /* what stands before the first ';' */
    struct param list[PARAMS_MAX];
    size_t n;
};

/* The slices live in the arena or the header. False: too many, or one twice. */
bool params_parse(struct arena *arena, struct slice header, struct params *out);
/* By its name in any case of letters; NULL: none. */
const struct param *params_find(const struct params *params, struct slice name);

/* A character of a token (RFC 9110 section 5.6.2). */
bool params_token_char(char c);
