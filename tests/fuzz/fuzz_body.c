/* Any bytes as a JSON body and as a query value, against a table with every kind of field. What
 * passes is written down, read again, and must pass again. */
#include "fuzz.h"

#include "gateway/validate.h"

#include <assert.h>

static const struct slice kinds[] = {SLICE_INIT("image"), SLICE_INIT("video"), {0}};

static const struct body_field fields[] = {
    {.name = SLICE_INIT("name"), .type = FIELD_STRING, .required = true, .rule.max_length = 4},
    {.name = SLICE_INIT("email"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_EMAIL,
     .rule.max_length = 90,
     .nullable = true},
    {.name = SLICE_INIT("url"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_URL,
     .rule.max_length = 90},
    {.name = SLICE_INIT("at"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_DATE_TIME,
     .rule.max_length = 90},
    {.name = SLICE_INIT("user"),
     .type = FIELD_STRING,
     .rule.format = FORMAT_USERNAME,
     .rule.max_length = 90},
    {.name = SLICE_INIT("kind"), .type = FIELD_STRING, .rule.max_length = 90, .values = kinds},
    {.name = SLICE_INIT("size"),
     .type = FIELD_INTEGER,
     .minimum = 1,
     .maximum = 100,
     .clamp = true},
    {.name = SLICE_INIT("public"), .type = FIELD_BOOLEAN},
    {.name = SLICE_INIT("tags"),
     .type = FIELD_STRING_ARRAY,
     .rule.min_length = 1,
     .rule.max_length = 3,
     .max_items = 2},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
static const struct body_schema schema = {fields, FIELDS, .additional = false};

static void as_body(struct arena *arena, struct slice text)
{
    struct field_errors errors;
    json_t *body;

    if (validate_body(arena, &schema, text, &body, &errors) != OK)
        return;
    struct slice again = json_dump(arena, body);
    assert(validate_body(arena, &schema, again, &body, &errors) == OK);
    assert(slice_eq(again, json_dump(arena, body)));
}

static void as_query(struct arena *arena, struct slice text)
{
    for (size_t i = 0; i < FIELDS; i++) {
        struct slice names[] = {fields[0].name, fields[i].name};
        struct slice values[] = {SLICE("ab"), text};
        struct field_errors errors;
        if (validate_query(arena, &schema, names, values, 2, &errors) == OK)
            assert(validate_query(arena, &schema, names, values, 2, &errors) == OK);
        else
            assert(errors.n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct slice input = {(const char *)bytes, size};
    struct arena *arena = arena_new();

    as_body(arena, input);
    as_query(arena, input);
    arena_free(arena);
    return 0;
}
