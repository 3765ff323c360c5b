#include "gateway/validate.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>

/* What stands behind one validation: where complaints go and whose memory they use. */
struct validation {
    struct arena *arena;
    struct field_errors *errors;
    struct slice name;
};

static void complain(struct validation *validation, struct slice message)
{
    struct field_errors *errors = validation->errors;

    if (errors->n < FIELD_ERRORS_MAX)
        errors->list[errors->n++] =
            (struct field_error){arena_dup(validation->arena, validation->name), message};
}

static bool is_listed(struct slice s, const struct slice *values)
{
    for (; values->n; values++)
        if (slice_eq(s, *values))
            return true;
    return false;
}

static struct slice list_message(struct arena *arena, const struct slice *values)
{
    struct slice text = SLICE("Must be one of ");

    for (const struct slice *value = values; value->n; value++)
        text = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(text), value == values ? "" : ", ",
                            SLICE_ARG(*value));
    return arena_printf(arena, "%.*s.", SLICE_ARG(text));
}

static void validate_text(struct validation *validation, const struct body_field *field,
                          struct slice text)
{
    struct slice fault = text_rule_fault(validation->arena, &field->rule, text);

    if (!fault.n && field->values && !is_listed(text, field->values))
        fault = list_message(validation->arena, field->values);
    if (fault.n)
        complain(validation, fault);
}

/* May lower *value to the maximum of a field that clamps. */
static void validate_integer(struct validation *validation, const struct body_field *field,
                             int64_t *value)
{
    if (*value < field->minimum)
        complain(validation,
                 arena_printf(validation->arena, "Must be at least %" PRId64 ".", field->minimum));
    else if (*value > field->maximum && field->clamp)
        *value = field->maximum;
    else if (*value > field->maximum)
        complain(validation,
                 arena_printf(validation->arena, "Must be at most %" PRId64 ".", field->maximum));
}

static void validate_count(struct validation *validation, const struct body_field *field,
                           uint64_t n)
{
    if (n < field->min_items)
        complain(validation,
                 arena_printf(validation->arena, "Must have at least %" PRIu64 " items.",
                              field->min_items));
    else if (n > field->max_items)
        complain(validation, arena_printf(validation->arena, "Must have at most %" PRIu64 " items.",
                                          field->max_items));
}

static struct slice json_text(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void validate_json_array(struct validation *validation, const struct body_field *field,
                                const json_t *value)
{
    size_t before = validation->errors->n, i;
    const json_t *item;

    validate_count(validation, field, json_array_size(value));
    if (validation->errors->n != before)
        return;
    json_array_foreach(value, i, item)
    {
        struct validation of_item = *validation;
        of_item.name = arena_printf(validation->arena, "%.*s[%zu]", SLICE_ARG(validation->name), i);
        if (json_is_string(item))
            validate_text(&of_item, field, json_text(item));
        else
            complain(&of_item, SLICE("Must be a string."));
    }
}

static void validate_json(struct validation *validation, const struct body_field *field,
                          json_t *value)
{
    int64_t number;

    if (json_is_null(value) && field->nullable)
        return;
    switch (field->type) {
    case FIELD_STRING:
        if (json_is_string(value))
            validate_text(validation, field, json_text(value));
        else
            complain(validation, SLICE("Must be a string."));
        break;
    case FIELD_INTEGER:
        number = json_integer_value(value);
        if (json_is_integer(value))
            validate_integer(validation, field, &number);
        else
            complain(validation, SLICE("Must be an integer."));
        if (json_is_integer(value))
            json_integer_set(value, number);
        break;
    case FIELD_BOOLEAN:
        if (!json_is_boolean(value))
            complain(validation, SLICE("Must be true or false."));
        break;
    case FIELD_STRING_ARRAY:
        if (json_is_array(value))
            validate_json_array(validation, field, value);
        else
            complain(validation, SLICE("Must be a list of strings."));
        break;
    }
}

static const struct body_field *field_of(const struct body_schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->n; i++)
        if (slice_eq(schema->fields[i].name, name))
            return &schema->fields[i];
    return NULL;
}

enum err validate_body(struct arena *arena, const struct body_schema *schema, struct slice text,
                       json_t **out, struct field_errors *errors)
{
    struct validation validation = {arena, errors, SLICE_NONE};
    bool absent = schema->optional && slice_trim(text).n == 0;
    json_t *body = json_parse(arena, absent ? SLICE("{}") : text), *value;
    const char *key;

    errors->n = 0;
    if (!json_is_object(body))
        return ERR_VALIDATION;
    for (size_t i = 0; i < schema->n; i++) {
        const struct body_field *field = &schema->fields[i];
        validation.name = field->name;
        value = json_object_getn(body, field->name.p, field->name.n);
        if (value)
            validate_json(&validation, field, value);
        else if (field->required)
            complain(&validation, SLICE("Is required."));
    }
    json_object_foreach(body, key, value)
    {
        validation.name = slice_from(key);
        if (!schema->additional && !field_of(schema, validation.name))
            complain(&validation, SLICE("Is not a field of this operation."));
    }
    *out = body;
    return errors->n ? ERR_VALIDATION : OK;
}

/* Digits beyond 64 bits are a large number, not a malformed one. */
static bool query_integer(struct slice text, int64_t *out)
{
    if (slice_to_i64(text, out))
        return true;
    *out = INT64_MAX;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n > 0;
}

static void validate_query_list(struct validation *validation, const struct body_field *field,
                                struct slice text)
{
    struct slice item;
    uint64_t n = 0;

    for (; slice_split(text, ',', &item, &text); n++)
        validate_text(validation, field, item);
    validate_count(validation, field, n);
}

static void validate_value(struct validation *validation, const struct body_field *field,
                           struct slice *value)
{
    int64_t number, lowered;

    switch (field->type) {
    case FIELD_STRING:
        validate_text(validation, field, *value);
        break;
    case FIELD_INTEGER:
        if (!query_integer(*value, &number)) {
            complain(validation, SLICE("Must be an integer."));
            break;
        }
        lowered = number;
        validate_integer(validation, field, &lowered);
        if (lowered != number)
            *value = arena_printf(validation->arena, "%" PRId64, lowered);
        break;
    case FIELD_BOOLEAN:
        if (!slice_eq(*value, SLICE("true")) && !slice_eq(*value, SLICE("false")))
            complain(validation, SLICE("Must be true or false."));
        break;
    case FIELD_STRING_ARRAY:
        validate_query_list(validation, field, *value);
        break;
    }
}

static struct slice *query_value(const struct slice *names, struct slice *values, size_t count,
                                 struct slice name, size_t *times)
{
    struct slice *found = NULL;

    *times = 0;
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq(names[i], name))
            continue;
        found = found ? found : &values[i];
        ++*times;
    }
    return found;
}

static void validate_unknown(struct validation *validation, const struct body_schema *schema,
                             const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        validation->name = utf8_valid(names[i]) ? names[i] : SLICE("");
        if (!field_of(schema, names[i]))
            complain(validation, SLICE("Is not a parameter of this operation."));
    }
}

enum err validate_query(struct arena *arena, const struct body_schema *schema,
                        const struct slice *names, struct slice *values, size_t count,
                        struct field_errors *errors)
{
    struct validation validation = {arena, errors, SLICE_NONE};
    size_t times;

    errors->n = 0;
    for (size_t i = 0; i < schema->n; i++) {
        const struct body_field *field = &schema->fields[i];
        struct slice *value = query_value(names, values, count, field->name, &times);
        validation.name = field->name;
        if (times > 1)
            complain(&validation, SLICE("Is given more than once."));
        else if (value && !utf8_valid(*value))
            complain(&validation, SLICE("Must be UTF-8 text."));
        else if (value)
            validate_value(&validation, field, value);
        else if (field->required)
            complain(&validation, SLICE("Is required."));
    }
    if (!schema->additional)
        validate_unknown(&validation, schema, names, count);
    return errors->n ? ERR_VALIDATION : OK;
}

json_t *validate_body_or_reply(struct request *req, const struct body_schema *schema,
                               struct slice body)
{
    struct field_errors errors;
    json_t *json;

    if (validate_body(req->task.arena, schema, body, &json, &errors) == OK)
        return json;
    if (errors.n)
        reply_field_errors(req, ERR_VALIDATION, errors.list, errors.n);
    else
        reply_error(req, ERR_VALIDATION, SLICE("The body must be a JSON object."));
    return NULL;
}

bool validate_query_or_reply(struct request *req, const struct body_schema *schema)
{
    struct field_errors errors;

    if (validate_query(req->task.arena, schema, req->query_names, req->query_values,
                       req->query_count, &errors) == OK)
        return true;
    reply_field_errors(req, ERR_VALIDATION, errors.list, errors.n);
    return false;
}
