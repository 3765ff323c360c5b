#include "gateway/validate.h"

#include "base/clock.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>

/* What stands behind one check: where complaints go and whose memory they use. */
struct check {
    struct arena *arena;
    struct field_errors *errors;
    struct slice name;
};

static void complain(struct check *check, struct slice message)
{
    struct field_errors *errors = check->errors;

    if (errors->n < FIELD_ERRORS_MAX)
        errors->list[errors->n++] =
            (struct field_error){arena_dup(check->arena, check->name), message};
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(struct slice s, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        const char *other = others;
        while (*other && *other != s.p[i])
            other++;
        if (!*other && !is_alnum(s.p[i]))
            return false;
    }
    return s.n > 0;
}

static bool is_domain(struct slice s)
{
    struct slice label;

    if (s.n == 0)
        return false;
    while (slice_split(s, '.', &label, &s))
        if (label.n > 63 || !all_of(label, "-") || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    return true;
}

/* https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address */
static bool is_email(struct slice s)
{
    size_t at;

    return slice_find(s, '@', &at) && all_of((struct slice){s.p, at}, ".!#$%&'*+/=?^_`{|}~-") &&
           is_domain(slice_from_offset(s, at + 1));
}

static bool is_url(struct slice s)
{
    static const struct slice schemes[] = {SLICE_INIT("http://"), SLICE_INIT("https://")};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice scheme = schemes[i];
        if (s.n <= scheme.n || !slice_eq_nocase((struct slice){s.p, scheme.n}, scheme))
            continue;
        struct slice rest = slice_from_offset(s, scheme.n);
        return all_of(rest, "-._~:/?#[]@!$&'()*+,;=%") && (is_alnum(rest.p[0]) || rest.p[0] == '[');
    }
    return false;
}

static bool is_line(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool has_format(struct slice s, enum field_format format)
{
    uint64_t unix_ms;

    switch (format) {
    case FORMAT_NONE:
        return true;
    case FORMAT_EMAIL:
        return is_email(s);
    case FORMAT_URL:
        return is_url(s);
    case FORMAT_DATE_TIME:
        return clock_parse_rfc3339(s, &unix_ms);
    case FORMAT_USERNAME:
        return all_of(s, "._-");
    case FORMAT_LINE:
        return is_line(s);
    }
    assert(false); /* every format has its rule */
    return false;
}

static struct slice format_message(enum field_format format)
{
    switch (format) {
    case FORMAT_EMAIL:
        return SLICE("Must be a valid email address.");
    case FORMAT_URL:
        return SLICE("Must be an absolute http or https URL.");
    case FORMAT_DATE_TIME:
        return SLICE("Must be a time such as 2023-05-30T10:00:00Z.");
    case FORMAT_USERNAME:
        return SLICE("May have only letters, digits, '.', '-' and '_'.");
    case FORMAT_LINE:
        return SLICE("Must be one line without control characters.");
    case FORMAT_NONE:
        break;
    }
    return SLICE_NONE;
}

/* Code points of valid UTF-8: every byte that does not continue one. */
static uint64_t characters(struct slice s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
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

static void check_text(struct check *check, const struct body_field *field, struct slice text)
{
    uint64_t n = characters(text);

    if (n < field->min_length)
        complain(check,
                 field->min_length == 1
                     ? SLICE("Must not be empty.")
                     : arena_printf(check->arena, "Must have at least %" PRIu64 " characters.",
                                    field->min_length));
    else if (n > field->max_length)
        complain(check, arena_printf(check->arena, "Must have at most %" PRIu64 " characters.",
                                     field->max_length));
    else if (field->values && !is_listed(text, field->values))
        complain(check, list_message(check->arena, field->values));
    else if (!has_format(text, field->format))
        complain(check, format_message(field->format));
}

/* May lower *value to the maximum of a field that clamps. */
static void check_integer(struct check *check, const struct body_field *field, int64_t *value)
{
    if (*value < field->minimum)
        complain(check,
                 arena_printf(check->arena, "Must be at least %" PRId64 ".", field->minimum));
    else if (*value > field->maximum && field->clamp)
        *value = field->maximum;
    else if (*value > field->maximum)
        complain(check, arena_printf(check->arena, "Must be at most %" PRId64 ".", field->maximum));
}

static void check_count(struct check *check, const struct body_field *field, uint64_t n)
{
    if (n < field->min_items)
        complain(check, arena_printf(check->arena, "Must have at least %" PRIu64 " items.",
                                     field->min_items));
    else if (n > field->max_items)
        complain(check, arena_printf(check->arena, "Must have at most %" PRIu64 " items.",
                                     field->max_items));
}

static struct slice json_text(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void check_json_array(struct check *check, const struct body_field *field,
                             const json_t *value)
{
    size_t before = check->errors->n, i;
    const json_t *item;

    check_count(check, field, json_array_size(value));
    if (check->errors->n != before)
        return;
    json_array_foreach(value, i, item)
    {
        struct check of_item = *check;
        of_item.name = arena_printf(check->arena, "%.*s[%zu]", SLICE_ARG(check->name), i);
        if (json_is_string(item))
            check_text(&of_item, field, json_text(item));
        else
            complain(&of_item, SLICE("Must be a string."));
    }
}

static void check_json(struct check *check, const struct body_field *field, json_t *value)
{
    int64_t number;

    if (json_is_null(value) && field->nullable)
        return;
    switch (field->type) {
    case FIELD_STRING:
        if (json_is_string(value))
            check_text(check, field, json_text(value));
        else
            complain(check, SLICE("Must be a string."));
        break;
    case FIELD_INTEGER:
        number = json_integer_value(value);
        if (json_is_integer(value))
            check_integer(check, field, &number);
        else
            complain(check, SLICE("Must be an integer."));
        if (json_is_integer(value))
            json_integer_set(value, number);
        break;
    case FIELD_BOOLEAN:
        if (!json_is_boolean(value))
            complain(check, SLICE("Must be true or false."));
        break;
    case FIELD_STRING_ARRAY:
        if (json_is_array(value))
            check_json_array(check, field, value);
        else
            complain(check, SLICE("Must be a list of strings."));
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
    struct check check = {arena, errors, SLICE_NONE};
    bool absent = schema->optional && slice_trim(text).n == 0;
    json_t *body = json_parse(arena, absent ? SLICE("{}") : text), *value;
    const char *key;

    errors->n = 0;
    if (!json_is_object(body))
        return ERR_VALIDATION;
    for (size_t i = 0; i < schema->n; i++) {
        const struct body_field *field = &schema->fields[i];
        check.name = field->name;
        value = json_object_getn(body, field->name.p, field->name.n);
        if (value)
            check_json(&check, field, value);
        else if (field->required)
            complain(&check, SLICE("Is required."));
    }
    json_object_foreach(body, key, value)
    {
        check.name = slice_from(key);
        if (!schema->additional && !field_of(schema, check.name))
            complain(&check, SLICE("Is not a field of this operation."));
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

static void check_query_list(struct check *check, const struct body_field *field, struct slice text)
{
    struct slice item;
    uint64_t n = 0;

    for (; slice_split(text, ',', &item, &text); n++)
        check_text(check, field, item);
    check_count(check, field, n);
}

static void check_query(struct check *check, const struct body_field *field, struct slice *value)
{
    int64_t number, lowered;

    switch (field->type) {
    case FIELD_STRING:
        check_text(check, field, *value);
        break;
    case FIELD_INTEGER:
        if (!query_integer(*value, &number)) {
            complain(check, SLICE("Must be an integer."));
            break;
        }
        lowered = number;
        check_integer(check, field, &lowered);
        if (lowered != number)
            *value = arena_printf(check->arena, "%" PRId64, lowered);
        break;
    case FIELD_BOOLEAN:
        if (!slice_eq(*value, SLICE("true")) && !slice_eq(*value, SLICE("false")))
            complain(check, SLICE("Must be true or false."));
        break;
    case FIELD_STRING_ARRAY:
        check_query_list(check, field, *value);
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

static void check_unknown(struct check *check, const struct body_schema *schema,
                          const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check->name = utf8_valid(names[i]) ? names[i] : SLICE("");
        if (!field_of(schema, names[i]))
            complain(check, SLICE("Is not a parameter of this operation."));
    }
}

enum err validate_query(struct arena *arena, const struct body_schema *schema,
                        const struct slice *names, struct slice *values, size_t count,
                        struct field_errors *errors)
{
    struct check check = {arena, errors, SLICE_NONE};
    size_t times;

    errors->n = 0;
    for (size_t i = 0; i < schema->n; i++) {
        const struct body_field *field = &schema->fields[i];
        struct slice *value = query_value(names, values, count, field->name, &times);
        check.name = field->name;
        if (times > 1)
            complain(&check, SLICE("Is given more than once."));
        else if (value && !utf8_valid(*value))
            complain(&check, SLICE("Must be UTF-8 text."));
        else if (value)
            check_query(&check, field, value);
        else if (field->required)
            complain(&check, SLICE("Is required."));
    }
    if (!schema->additional)
        check_unknown(&check, schema, names, count);
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
