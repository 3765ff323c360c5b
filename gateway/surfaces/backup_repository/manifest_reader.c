#include "gateway/surfaces/backup_repository/manifest_reader.h"

#include "base/text.h"

void manifest_fail(struct manifest_reader *reader, const struct manifest_node *node,
                   const char *what)
{
    if (!reader->problem.n)
        reader->problem = arena_printf(reader->arena, "%.*s %s", SLICE_ARG(node->path), what);
}

static struct manifest_node node_of(const json_t *json, struct slice path)
{
    return (struct manifest_node){json_is_null(json) ? NULL : json, path};
}

struct manifest_node manifest_member(struct manifest_reader *reader,
                                     const struct manifest_node *node, const char *key)
{
    return node_of(json_object_get(node->json, key),
                   arena_printf(reader->arena, "%.*s%s%s", SLICE_ARG(node->path),
                                node->path.n ? "." : "", key));
}

struct manifest_node manifest_element(struct manifest_reader *reader,
                                      const struct manifest_node *node, size_t i)
{
    return node_of(json_array_get(node->json, i),
                   arena_printf(reader->arena, "%.*s[%zu]", SLICE_ARG(node->path), i));
}

void manifest_need_object(struct manifest_reader *reader, const struct manifest_node *node)
{
    if (!json_is_object(node->json))
        manifest_fail(reader, node, "must be a map");
}

size_t manifest_count(struct manifest_reader *reader, const struct manifest_node *list)
{
    if (list->json && !json_is_array(list->json))
        manifest_fail(reader, list, "must be a list");
    return json_array_size(list->json);
}

static struct slice text_of(struct manifest_reader *reader, const struct manifest_node *node)
{
    if (node->json && !json_is_string(node->json))
        manifest_fail(reader, node, "must be a text (in quotes, if it looks like something else)");
    return (struct slice){json_string_value(node->json), json_string_length(node->json)};
}

struct slice manifest_text(struct manifest_reader *reader, const struct manifest_node *node,
                           const char *key)
{
    struct manifest_node member = manifest_member(reader, node, key);

    return text_of(reader, &member);
}

bool manifest_flag(struct manifest_reader *reader, const struct manifest_node *node,
                   const char *key)
{
    struct manifest_node member = manifest_member(reader, node, key);

    if (member.json && !json_is_boolean(member.json))
        manifest_fail(reader, &member, "must be true or false");
    return json_is_true(member.json);
}

uint64_t manifest_number(struct manifest_reader *reader, const struct manifest_node *node,
                         const char *key)
{
    struct manifest_node member = manifest_member(reader, node, key);

    if (member.json && (!json_is_integer(member.json) || json_integer_value(member.json) < 0))
        manifest_fail(reader, &member, "must be a whole number, 0 or more");
    return (uint64_t)json_integer_value(member.json);
}

uint64_t manifest_size(struct manifest_reader *reader, const struct manifest_node *node,
                       const char *key)
{
    struct manifest_node member = manifest_member(reader, node, key);
    uint64_t bytes = 0;

    if (!json_is_string(member.json))
        return manifest_number(reader, node, key);
    if (!text_size(text_of(reader, &member), &bytes))
        manifest_fail(reader, &member, "must be a size such as 500M");
    return bytes;
}

struct slice *manifest_texts(struct manifest_reader *reader, const struct manifest_node *node,
                             const char *key, size_t *n)
{
    struct manifest_node list = manifest_member(reader, node, key);
    struct slice *texts;

    *n = manifest_count(reader, &list);
    texts = ARENA_ARRAY(reader->arena, struct slice, *n);
    for (size_t i = 0; i < *n; i++) {
        struct manifest_node element = manifest_element(reader, &list, i);

        texts[i] = text_of(reader, &element);
        if (!texts[i].n)
            manifest_fail(reader, &element, "must not be empty");
    }
    return texts;
}
