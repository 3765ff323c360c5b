#include "gateway/surfaces/backup_repository/scope.h"

#include "gateway/surfaces/backup_repository/token.h"

static bool read_roles(struct arena *arena, const json_t *json, struct role_names *out)
{
    size_t n = json_array_size(json);
    struct slice *names = ARENA_ARRAY(arena, struct slice, n);

    if (!json_is_array(json))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(json, i);

        if (!json_is_string(name))
            return false;
        names[i] = (struct slice){json_string_value(name), json_string_length(name)};
    }
    *out = (struct role_names){names, n};
    return true;
}

static bool read_grants(struct arena *arena, const json_t *json, struct grants *out)
{
    size_t n = json_array_size(json);
    struct grant *list = ARENA_ARRAY(arena, struct grant, n);

    if (!json_is_array(json))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *element = json_array_get(json, i);

        list[i].type = json_get_slice(element, "type");
        list[i].name = json_get_slice(element, "name");
        if (!list[i].type.n || !list[i].name.n ||
            !read_roles(arena, json_object_get(element, "roles"), &list[i].roles))
            return false;
    }
    *out = (struct grants){list, n};
    return true;
}

bool scope_of_login(struct arena *arena, const json_t *operations_scope, struct slice *out)
{
    const json_t *elements = json_object_get(operations_scope, "elements");
    struct grants grants;

    *out = SLICE_NONE;
    if (!operations_scope || json_is_null(operations_scope))
        return true;
    if (!json_is_object(operations_scope) || !read_grants(arena, elements, &grants))
        return false;
    if (grants.n > 0)
        *out = json_dump(arena, elements);
    return out->n <= BACKUP_SCOPE_MAX_BYTES;
}

bool scope_parse(struct arena *arena, struct slice text, struct grants *out)
{
    *out = (struct grants){0};
    return !text.n || read_grants(arena, json_parse(arena, text), out);
}
