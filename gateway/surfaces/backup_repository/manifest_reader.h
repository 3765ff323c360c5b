/* manifest_reader.h: typed fields out of a tree that people wrote. The first thing that is not as
 * it should be is kept as one line that says where ("spec.windows[1].from must be ..."), so a
 * caller reads everything and looks once at the end. Absent and null are the same, and empty. */
#pragma once

#include "base/json.h"

struct manifest_reader {
    struct arena *arena;
    struct slice problem; /* empty: all is well so far */
};

struct manifest_node {
    const json_t *json; /* NULL: absent */
    struct slice path;
};

void manifest_fail(struct manifest_reader *reader, const struct manifest_node *node,
                   const char *what);

/* A member is absent where the node is no object. */
struct manifest_node manifest_member(struct manifest_reader *reader,
                                     const struct manifest_node *node, const char *key);
struct manifest_node manifest_element(struct manifest_reader *reader,
                                      const struct manifest_node *node, size_t i);

void manifest_need_object(struct manifest_reader *reader, const struct manifest_node *node);
size_t manifest_count(struct manifest_reader *reader, const struct manifest_node *list);
struct slice manifest_text(struct manifest_reader *reader, const struct manifest_node *node,
                           const char *key);
bool manifest_flag(struct manifest_reader *reader, const struct manifest_node *node,
                   const char *key);
uint64_t manifest_number(struct manifest_reader *reader, const struct manifest_node *node,
                         const char *key);
/* Bytes: a number, or a text as of text_size(). */
uint64_t manifest_size(struct manifest_reader *reader, const struct manifest_node *node,
                       const char *key);
/* A list of texts. */
struct slice *manifest_texts(struct manifest_reader *reader, const struct manifest_node *node,
                             const char *key, size_t *n);
