#include "gateway/surfaces/mediavault/tus.h"

#include "base/text.h"

static enum err refuse(struct field_error *problem, const char *header, struct slice why)
{
    *problem = (struct field_error){slice_from(header), why};
    return ERR_VALIDATION;
}

enum err tus_bytes_parse(const struct http_head *head, const char *name, bool *given, uint64_t *out,
                         struct field_error *problem)
{
    struct slice value = http1_header(head, name);

    *given = value.p != NULL;
    *out = 0;
    if (!*given || (slice_to_u64(value, out) && *out <= (uint64_t)INT64_MAX))
        return OK;
    return refuse(problem, name, SLICE("Must be a number of bytes."));
}

/* -- Creation --------------------------------------------------------------------------------- */

static enum err parse_length(const struct http_head *head, struct tus_creation *out,
                             struct field_error *problem)
{
    struct slice defer = http1_header(head, "Upload-Defer-Length");
    bool given;
    enum err err = tus_bytes_parse(head, "Upload-Length", &given, &out->length, problem);

    if (err != OK)
        return err;
    if (defer.p && !slice_eq(defer, SLICE("1")))
        return refuse(problem, "Upload-Defer-Length", SLICE("Must be 1."));
    if (out->part == PART_FINAL)
        return given || defer.p
                   ? refuse(problem, "Upload-Length", SLICE("Is that of the pieces; leave it out."))
                   : OK;
    out->deferred = defer.p != NULL;
    if (given == out->deferred)
        return refuse(problem, "Upload-Length",
                      SLICE("Give either this or Upload-Defer-Length: 1."));
    return OK;
}

/* The id at the end of "https://host/api/v1/uploads/<id>", also of a relative one. */
static bool take_id(struct slice path, struct slice *id)
{
    struct slice folder = SLICE("uploads/");
    size_t at;

    if (slice_find(path, '?', &at))
        path.n = at;
    size_t start = path.n;
    while (start > 0 && path.p[start - 1] != '/')
        start--;
    *id = slice_from_offset(path, start);
    return id->n && slice_ends_with((struct slice){path.p, start}, folder);
}

/* "final;/a /b". */
static bool parse_pieces(struct arena *arena, struct slice concat, struct slice **pieces, size_t *n)
{
    struct slice rest, path;

    *n = 0;
    if (!slice_starts_with(concat, SLICE("final;")))
        return false;
    *pieces = ARENA_ARRAY(arena, struct slice, TUS_PIECES_MAX);
    rest = slice_from_offset(concat, SLICE("final;").n);
    while (slice_split(rest, ' ', &path, &rest)) {
        if (path.n == 0)
            continue;
        if (*n == TUS_PIECES_MAX || !take_id(path, &(*pieces)[*n]))
            return false;
        (*n)++;
    }
    return *n > 0;
}

static enum err parse_concat(struct arena *arena, struct tus_creation *out,
                             struct field_error *problem)
{
    out->part = PART_WHOLE;
    if (!out->concat.p)
        return OK;
    out->part = PART_PARTIAL;
    if (slice_eq(out->concat, SLICE("partial")))
        return OK;
    out->part = PART_FINAL;
    if (parse_pieces(arena, out->concat, &out->pieces, &out->piece_count))
        return OK;
    return refuse(problem, "Upload-Concat",
                  SLICE("Must be `partial`, or `final;` and the paths of up to 256 uploads."));
}

enum err tus_creation_parse(struct arena *arena, const struct http_head *head,
                            struct tus_creation *out, struct field_error *problem)
{
    *out = (struct tus_creation){
        .metadata = http1_joined(arena, head, "Upload-Metadata", SLICE(",")),
        .concat = http1_header(head, "Upload-Concat"),
    };
    enum err err = parse_concat(arena, out, problem);
    return err == OK ? parse_length(head, out, problem) : err;
}

/* -- Metadata --------------------------------------------------------------------------------- */

static bool is_key(struct slice key)
{
    size_t at;

    return key.n > 0 && !slice_find(key, '\t', &at);
}

static bool has_key(const struct tus_pair *pairs, size_t n, struct slice key)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(pairs[i].key, key))
            return true;
    return false;
}

bool tus_metadata_parse(struct arena *arena, struct slice metadata,
                        struct tus_pair pairs[TUS_PAIRS_MAX], size_t *n)
{
    struct slice rest = metadata, text, key, encoded;

    *n = 0;
    while (slice_split(rest, ',', &text, &rest)) {
        text = slice_trim(text);
        if (text.n == 0 && metadata.n == 0)
            break;
        slice_split(text, ' ', &key, &encoded);
        if (!is_key(key) || has_key(pairs, *n, key) || *n == TUS_PAIRS_MAX)
            return false;
        struct tus_pair *pair = &pairs[(*n)++];
        pair->key = key;
        pair->value = SLICE("");
        encoded = slice_trim(encoded);
        if (encoded.n && !text_unbase64(arena, encoded, &pair->value))
            return false;
    }
    return true;
}

/* -- Checksums -------------------------------------------------------------------------------- */

enum err tus_checksum_parse(struct arena *arena, struct slice value, struct tus_checksum *out,
                            struct field_error *problem)
{
    struct slice name, encoded;

    slice_split(value, ' ', &name, &encoded);
    if (!text_unbase64(arena, slice_trim(encoded), &out->expected) || !out->expected.n)
        return refuse(problem, "Upload-Checksum",
                      SLICE("Must be the name of an algorithm and, in Base64, the checksum."));
    out->digest = digest_new(name);
    if (out->digest)
        return OK;
    return refuse(problem, "Upload-Checksum", SLICE("The algorithms are " TUS_CHECKSUMS "."));
}

bool tus_checksum_matches(struct tus_checksum *checksum)
{
    uint8_t sum[DIGEST_BYTES_MAX];
    size_t n = digest_final(checksum->digest, sum);

    return slice_eq((struct slice){(const char *)sum, n}, checksum->expected);
}
