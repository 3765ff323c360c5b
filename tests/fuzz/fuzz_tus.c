/* Any bytes as the headers of a resumable upload. The first byte chooses what the rest is. What was
 * understood lies inside it, and is within the bounds. */
#include "fuzz.h"

#include "gateway/surfaces/mediavault/tus.h"

#include <assert.h>

static void lies_in(struct slice part, struct slice all)
{
    assert(part.p >= all.p && part.p + part.n <= all.p + all.n);
}

static void read_creation(struct arena *arena, struct slice value, unsigned kind)
{
    static const char *const names[] = {"Upload-Length", "Upload-Defer-Length", "Upload-Concat",
                                        "Upload-Metadata"};
    struct http_header header = {slice_from(names[kind % 4]), value};
    struct http_head head = {.headers = &header, .header_count = 1};
    struct tus_creation creation;
    struct field_error problem = {0};
    enum err err = tus_creation_parse(arena, &head, &creation, &problem);

    assert((err == OK) != (problem.field.n > 0));
    if (err != OK)
        return;
    assert(creation.length <= INT64_MAX && creation.piece_count <= TUS_PIECES_MAX);
    assert((creation.piece_count > 0) == (creation.part == PART_FINAL));
    for (size_t i = 0; i < creation.piece_count; i++) {
        assert(creation.pieces[i].n > 0);
        lies_in(creation.pieces[i], value);
    }
}

static void read_metadata(struct arena *arena, struct slice value)
{
    struct tus_pair pairs[TUS_PAIRS_MAX];
    size_t n;

    if (!tus_metadata_parse(arena, value, pairs, &n))
        return;
    assert(n <= TUS_PAIRS_MAX);
    for (size_t i = 0; i < n; i++) {
        assert(pairs[i].key.n > 0 && pairs[i].value.n <= value.n);
        lies_in(pairs[i].key, value);
        for (size_t j = 0; j < i; j++)
            assert(!slice_eq(pairs[i].key, pairs[j].key));
    }
}

static void read_checksum(struct arena *arena, struct slice value)
{
    struct tus_checksum checksum = {0};
    struct field_error problem = {0};
    enum err err = tus_checksum_parse(arena, value, &checksum, &problem);

    assert((err == OK) == (checksum.digest != NULL) && (err == OK) != (problem.field.n > 0));
    if (err == OK)
        tus_checksum_matches(&checksum);
    digest_free(checksum.digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    struct arena *arena = arena_new();
    struct slice value = arena_dup(arena, (struct slice){(const char *)bytes + 1, n - 1});

    if (bytes[0] % 6 == 4)
        read_metadata(arena, value);
    else if (bytes[0] % 6 == 5)
        read_checksum(arena, value);
    else
        read_creation(arena, value, bytes[0] % 6);
    arena_free(arena);
    return 0;
}
