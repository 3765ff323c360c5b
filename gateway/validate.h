/* validate.h: bodies and queries against the tables that the generator made of the schemas. The
 * tables say all there is to say about a field; handlers read what passed without checking again.
 */
#pragma once

#include "base/text_rule.h"
#include "gateway/reply.h"

enum field_type { FIELD_STRING, FIELD_INTEGER, FIELD_BOOLEAN, FIELD_STRING_ARRAY };
struct body_field {
    struct slice name;
    enum field_type type;
    bool required, nullable;
    struct text_rule rule;    /* of a string; items of an array: of each */
    int64_t minimum, maximum; /* of integers */
    uint64_t min_items, max_items;
    const struct slice *values; /* enum; NULL, or ends with an empty slice */
    bool clamp;                 /* an integer above maximum is lowered to it */
};

struct body_schema {
    const struct body_field *fields;
    size_t n;
    bool additional; /* unknown fields are allowed */
    bool optional;   /* no body at all is read as {} */
};

enum { FIELD_ERRORS_MAX = 32 }; /* what is wrong beyond that is not listed */

struct field_errors {
    struct field_error list[FIELD_ERRORS_MAX];
    size_t n;
};

/* OK, or ERR_VALIDATION with all that is wrong; no details: it is not even a JSON object. */
enum err validate_body(struct arena *arena, const struct body_schema *schema, struct slice text,
                       json_t **out, struct field_errors *errors);
/* names and values: decoded parameters; values that are lowered to a maximum are replaced. Arrays
 * are comma lists. */
enum err validate_query(struct arena *arena, const struct body_schema *schema,
                        const struct slice *names, struct slice *values, size_t count,
                        struct field_errors *errors);

/* Parses and checks the whole body; on failure answers 400 with details and gives NULL. */
json_t *validate_body_or_reply(struct request *req, const struct body_schema *schema,
                               struct slice body);
bool validate_query_or_reply(struct request *req, const struct body_schema *schema);
