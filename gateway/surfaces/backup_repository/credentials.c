#include "gateway/surfaces/backup_repository/credentials.h"

#include "base/text.h"
#include "gateway/surfaces/backup_repository/scope.h"

#include <string.h>

enum { FIELD_MAX_BYTES = 1024 };

static void take_field(struct credentials *out, struct slice name, struct slice value)
{
    if (slice_eq(name, SLICE("username")))
        out->username = value;
    else if (slice_eq(name, SLICE("password")))
        out->password = value;
}

static bool read_json(struct request *req, struct credentials *out)
{
    const json_t *body = json_parse(req->task.arena, req->text);

    out->username = json_get_slice(body, "username");
    out->password = json_get_slice(body, "password");
    out->scope_refused =
        !scope_of_login(req->task.arena, json_object_get(body, "operationsScope"), &out->scope);
    return body != NULL;
}

static bool read_urlencoded(struct request *req, struct credentials *out)
{
    struct slice rest = req->text, pair, name, value;
    struct arena *arena = req->task.arena;

    while (slice_split(rest, '&', &pair, &rest)) {
        slice_split(pair, '=', &name, &value);
        if (!text_percent_decode(arena, name, true, &name) ||
            !text_percent_decode(arena, value, true, &value))
            return false;
        take_field(out, name, value);
    }
    return true;
}

/* Names and passwords of any length would be hashed and looked up. */
static bool acceptable(struct slice field)
{
    return field.n > 0 && field.n <= FIELD_MAX_BYTES && !memchr(field.p, '\0', field.n) &&
           utf8_valid(field);
}

bool credentials_read(struct request *req, struct credentials *out)
{
    struct slice type = request_header(req, "Content-Type"), parameters, name, key;

    *out = (struct credentials){0};
    slice_split(type, ';', &type, &parameters);
    type = slice_trim(type);
    bool form = slice_eq_nocase(type, SLICE("application/x-www-form-urlencoded"));
    bool read = form ? read_urlencoded(req, out) : read_json(req, out);
    if (!read || !acceptable(out->username) || !acceptable(out->password))
        return false;
    if (slice_split(out->username, '$', &name, &key) && key.p) {
        out->username = name;
        out->access_key = key;
        return name.n > 0 && key.n > 0;
    }
    return true;
}
