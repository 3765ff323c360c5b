/* manifest_file.h: one file of the folder that operators write, found by its kind and name, and
 * checked to be what its place says. Blocking: for the thread pool. */
#pragma once

#include "base/err.h"
#include "base/json.h"

enum manifest_kind { MANIFEST_USER, MANIFEST_COLLECTION, MANIFEST_SECRET, MANIFEST_KINDS };

/* What a file was when it was read; all zero: there is none. */
struct manifest_stamp {
    uint64_t modified_ns, size, inode;
};

struct manifest_file {
    struct slice label;   /* for people: "backupusers/eve.yaml" */
    json_t *tree;         /* an object; lives as long as the arena */
    struct slice problem; /* of ERR_INTERNAL, one line */
    struct manifest_stamp stamp;
};

/* <folder>/<kind's own>/<name>.yaml. ERR_NOT_FOUND: there is no such file, or `name` is none: 1 to
 * 253 of [A-Za-z0-9._-], no dot in front, so it cannot lead elsewhere. ERR_INTERNAL: no regular
 * file, too large, no YAML, or another kind or name than where it stands. */
enum err manifest_file_read(struct arena *arena, struct slice folder, enum manifest_kind kind,
                            struct slice name, struct manifest_file *out);

/* Where the files of a kind lie; NUL-terminated. */
struct slice manifest_file_folder(struct arena *arena, struct slice folder,
                                  enum manifest_kind kind);

/* The names of all files of a kind, in the order of the folder. */
void manifest_file_names(struct arena *arena, struct slice folder, enum manifest_kind kind,
                         struct slice **names, size_t *n);
