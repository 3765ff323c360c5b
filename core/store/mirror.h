/* mirror.h: content of one store copied into another folder of the same layout, for back-ups. What
 * the back-up before has already is linked, not copied. A copy of a blob is read as it is made, and
 * must be what its name says. All functions are blocking; nothing is synced before mirror_sync().
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct mirror {
    int from, to;                   /* folders of the stores */
    int before;                     /* of the back-up before; -1: none */
    uint64_t copied, linked, bytes; /* files, and bytes of those copied */
};

/* What is there already stays. ERR_NOT_FOUND: the store does not have it. ERR_UNPROCESSABLE: it is
 * not what its name says; it was copied all the same. */
enum err mirror_blob(struct mirror *mirror, struct slice sha256_hex);
/* All of a blob's; those of another size or time are exchanged. */
enum err mirror_variants(struct mirror *mirror, struct slice sha256_hex);
/* A single file in the folder, such as the store's mark. */
enum err mirror_file(struct mirror *mirror, const char *path);
enum err mirror_sync(const struct mirror *mirror);
