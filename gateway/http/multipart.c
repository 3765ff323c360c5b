#include "gateway/http/multipart.h"

#include "base/json.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

enum { BOUNDARY_MAX = 70, PARAMS_MAX = 8 };

struct multipart {
    struct arena *arena;
    enum { PREAMBLE, BOUNDARY_END, HEAD, BODY, EPILOGUE } state;
    struct slice delimiter; /* CRLF "--" boundary; the CR is its only one */
    size_t matched;         /* bytes of the delimiter seen at the end of what was read */
    struct slice in;
    bool ended; /* an empty slice was fed */
    size_t parts, ignored;
    char boundary_end[2];
    size_t boundary_end_n;
    char *head;
    size_t head_n;
};

/* Parameters of a header: `value; name=token; name="quoted"` (RFC 9110 section 5.6.6). */

struct param {
    struct slice name, value;
};

struct params {
    struct slice value; /* what stands before the first ';' */
    struct param rows[PARAMS_MAX];
    size_t n;
};

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static struct slice take_while(struct slice *in, bool (*wanted)(char c))
{
    size_t n = 0;

    while (n < in->n && wanted(in->p[n]))
        n++;
    struct slice taken = {in->p, n};
    *in = slice_from_offset(*in, n);
    return taken;
}

static bool is_value_char(char c)
{
    return c != ';' && c != ' ' && c != '\t' && c != '"' && c != ',';
}

static bool take_char(struct slice *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    *in = slice_from_offset(*in, 1);
    return true;
}

/* Browsers do not escape backslashes in file names (old ones send whole paths with them), other
 * clients do: so only \" and \\ count as escapes. */
static bool take_quoted(struct arena *arena, struct slice *in, struct slice *out)
{
    char *p = arena_alloc(arena, in->n);
    size_t n = 0;

    for (size_t i = 1; i < in->n; i++) {
        char c = in->p[i];

        if (c == '"') {
            *out = (struct slice){p, n};
            *in = slice_from_offset(*in, i + 1);
            return true;
        }
        if (c == '\\' && i + 1 < in->n && (in->p[i + 1] == '"' || in->p[i + 1] == '\\'))
            c = in->p[++i];
        p[n++] = c;
    }
    return false;
}

static bool take_param(struct arena *arena, struct slice *in, struct param *out)
{
    *in = slice_trim(*in);
    out->name = take_while(in, is_token_char);
    if (out->name.n == 0 || !take_char(in, '='))
        return false;
    if (in->n && in->p[0] == '"')
        return take_quoted(arena, in, &out->value);
    out->value = take_while(in, is_value_char);
    return out->value.n > 0;
}

static const struct param *find_param(const struct params *params, struct slice name)
{
    for (size_t i = 0; i < params->n; i++)
        if (slice_eq_nocase(params->rows[i].name, name))
            return &params->rows[i];
    return NULL;
}

static bool parse_params(struct arena *arena, struct slice header, struct params *out)
{
    size_t at = header.n;

    out->n = 0;
    slice_find(header, ';', &at);
    out->value = slice_trim((struct slice){header.p, at});
    struct slice in = slice_trim(slice_from_offset(header, at));
    while (in.n > 0) {
        struct param param;

        if (!take_char(&in, ';') || out->n == PARAMS_MAX || !take_param(arena, &in, &param) ||
            find_param(out, param.name))
            return false;
        out->rows[out->n++] = param;
        in = slice_trim(in);
    }
    return true;
}

/* RFC 2046 section 5.1.1. */
static bool boundary_acceptable(struct slice boundary)
{
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX || boundary.p[boundary.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < boundary.n; i++) {
        char c = boundary.p[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alphanumeric && (c == '\0' || !strchr("'()+_,-./:=? ", c)))
            return false;
    }
    return true;
}

struct multipart *multipart_new(struct arena *arena, struct slice content_type)
{
    struct params params;

    if (!parse_params(arena, content_type, &params) ||
        !slice_eq_nocase(params.value, SLICE("multipart/form-data")))
        return NULL;
    const struct param *boundary = find_param(&params, SLICE("boundary"));
    if (!boundary || !boundary_acceptable(boundary->value))
        return NULL;

    struct multipart *multipart = ARENA_NEW(arena, struct multipart);
    multipart->arena = arena;
    multipart->delimiter = arena_printf(arena, "\r\n--%.*s", SLICE_ARG(boundary->value));
    multipart->matched = 2; /* the first boundary may stand at the very beginning */
    multipart->head = arena_alloc(arena, MULTIPART_MAX_PART_HEAD);
    return multipart;
}

void multipart_feed(struct multipart *multipart, struct slice bytes)
{
    assert(multipart->in.n == 0);
    multipart->in = bytes;
    multipart->ended = bytes.n == 0;
}

/* Boundaries. A delimiter that begins at the end of one piece and goes on in the next is kept as
 * the number of its bytes seen; if it turns out to be payload, those bytes are the delimiter's own.
 */

static struct slice begin_delimiter(struct multipart *multipart)
{
    struct slice in = multipart->in, delimiter = multipart->delimiter;
    size_t at = 0, n = 0;

    while (at < in.n) {
        const char *cr = memchr(in.p + at, '\r', in.n - at);

        at = cr ? (size_t)(cr - in.p) : in.n;
        n = in.n - at < delimiter.n ? in.n - at : delimiter.n;
        if (n == 0 || memcmp(in.p + at, delimiter.p, n) == 0)
            break;
        at++;
        n = 0;
    }
    multipart->matched = n;
    multipart->in = slice_from_offset(in, at + n);
    return (struct slice){in.p, at};
}

/* What was taken for a delimiter and is none: the CR stands only at its front, so nothing else in
 * it can begin another one. */
static struct slice go_on_with_delimiter(struct multipart *multipart)
{
    struct slice *in = &multipart->in, delimiter = multipart->delimiter;

    while (multipart->matched < delimiter.n && in->n > 0) {
        if (in->p[0] != delimiter.p[multipart->matched]) {
            struct slice run = {delimiter.p, multipart->matched};

            multipart->matched = 0;
            return run;
        }
        multipart->matched++;
        *in = slice_from_offset(*in, 1);
    }
    return SLICE_NONE;
}

static struct slice next_run(struct multipart *multipart)
{
    return multipart->matched ? go_on_with_delimiter(multipart) : begin_delimiter(multipart);
}

static bool at_boundary(const struct multipart *multipart)
{
    return multipart->matched == multipart->delimiter.n;
}

static bool ignore(struct multipart *multipart, size_t n)
{
    multipart->ignored += n;
    return multipart->ignored <= MULTIPART_MAX_IGNORED;
}

/* Heads of parts */

static bool filename_acceptable(struct slice name)
{
    if (name.n > MULTIPART_MAX_FILENAME || !utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return true;
}

/* Whatever folders the sender names are not ours. */
static struct slice last_segment(struct slice path)
{
    size_t start = path.n;

    while (start > 0 && path.p[start - 1] != '/' && path.p[start - 1] != '\\')
        start--;
    struct slice name = slice_trim(slice_from_offset(path, start));
    if (slice_eq(name, SLICE(".")) || slice_eq(name, SLICE("..")))
        return SLICE("");
    return name;
}

/* RFC 8187: charset'language'percent-encoded. */
static bool extended_value(struct arena *arena, struct slice value, struct slice *out)
{
    struct slice charset, language, encoded, rest;

    if (!slice_split(value, '\'', &charset, &rest) || !slice_split(rest, '\'', &language, &encoded))
        return false;
    return encoded.p && slice_eq_nocase(charset, SLICE("UTF-8")) &&
           text_percent_decode(arena, encoded, false, out);
}

static bool parse_disposition(struct multipart *multipart, struct slice value,
                              struct multipart_part *part)
{
    struct params params;

    if (!parse_params(multipart->arena, value, &params) ||
        !slice_eq_nocase(params.value, SLICE("form-data")))
        return false;
    const struct param *name = find_param(&params, SLICE("name"));
    const struct param *plain = find_param(&params, SLICE("filename"));
    const struct param *extended = find_param(&params, SLICE("filename*"));
    struct slice filename = plain ? plain->value : SLICE("");

    if (!name || name->value.n == 0 || !utf8_valid(name->value))
        return false;
    if (extended && !extended_value(multipart->arena, extended->value, &filename))
        return false;
    if (!filename_acceptable(filename))
        return false;
    part->name = arena_dup(multipart->arena, name->value);
    part->filename = arena_dup(multipart->arena, last_segment(filename));
    part->has_filename = plain || extended;
    return true;
}

/* RFC 7578 section 4.7: such encodings are deprecated; taking them for payload would be wrong. */
static bool transfer_encoding_is_none(struct slice value)
{
    return slice_eq_nocase(value, SLICE("binary")) || slice_eq_nocase(value, SLICE("8bit")) ||
           slice_eq_nocase(value, SLICE("7bit"));
}

static bool parse_content_type(struct multipart *multipart, struct slice value,
                               struct multipart_part *part)
{
    struct slice start = {value.p, value.n < 10 ? value.n : 10};

    if (part->content_type.p || slice_eq_nocase(start, SLICE("multipart/")))
        return false;
    part->content_type = arena_dup(multipart->arena, value);
    return true;
}

static bool parse_line(struct multipart *multipart, struct slice line, struct multipart_part *part)
{
    struct slice name = take_while(&line, is_token_char);

    if (name.n == 0 || !take_char(&line, ':'))
        return false;
    struct slice value = slice_trim(line);
    if (slice_eq_nocase(name, SLICE("Content-Disposition")))
        return !part->name.p && parse_disposition(multipart, value, part);
    if (slice_eq_nocase(name, SLICE("Content-Type")))
        return parse_content_type(multipart, value, part);
    if (slice_eq_nocase(name, SLICE("Content-Transfer-Encoding")))
        return transfer_encoding_is_none(value);
    return true; /* RFC 7578 section 4.8: all others are ignored */
}

/* A folded line begins with a blank, and so has no name. */
static bool parse_head(struct multipart *multipart, struct multipart_part *part)
{
    struct slice rest = {multipart->head, multipart->head_n}, line;

    *part = (struct multipart_part){0};
    while (slice_split(rest, '\n', &line, &rest) && line.n > 1)
        if (!parse_line(multipart, (struct slice){line.p, line.n - 1}, part))
            return false;
    return part->name.p != NULL;
}

/* Takes one byte of a head; *complete after its blank line. */
static bool take_head_byte(struct multipart *multipart, char c, bool *complete)
{
    size_t n = multipart->head_n;
    char last = n ? multipart->head[n - 1] : '\0';

    if (n == MULTIPART_MAX_PART_HEAD || (c == '\n') != (last == '\r'))
        return false;
    if ((unsigned char)c < 0x20 && c != '\r' && c != '\n' && c != '\t')
        return false;
    if (c == 0x7f)
        return false;
    multipart->head[n++] = c;
    multipart->head_n = n;
    *complete = c == '\n' && (n == 2 || (n >= 4 && multipart->head[n - 3] == '\n'));
    return true;
}

/* Steps: each consumes input and either gives an event (true in *found) or moves on. */

static enum err step_head(struct multipart *multipart, enum multipart_event *event,
                          struct multipart_part *part, bool *found)
{
    bool complete = false;

    while (multipart->in.n > 0 && !complete) {
        if (!take_head_byte(multipart, multipart->in.p[0], &complete))
            return ERR_BAD_REQUEST;
        multipart->in = slice_from_offset(multipart->in, 1);
    }
    if (!complete)
        return OK;
    if (++multipart->parts > MULTIPART_MAX_PARTS || !parse_head(multipart, part))
        return ERR_BAD_REQUEST;
    multipart->state = BODY;
    multipart->matched = 0;
    *event = MULTIPART_PART;
    *found = true;
    return OK;
}

static enum err step_boundary_end(struct multipart *multipart, enum multipart_event *event,
                                  bool *found)
{
    multipart->boundary_end[multipart->boundary_end_n++] = multipart->in.p[0];
    multipart->in = slice_from_offset(multipart->in, 1);
    if (multipart->boundary_end_n < sizeof multipart->boundary_end)
        return OK;

    struct slice end = {multipart->boundary_end, sizeof multipart->boundary_end};
    if (slice_eq(end, SLICE("\r\n"))) {
        multipart->head_n = 0;
        multipart->state = HEAD;
        return OK;
    }
    if (!slice_eq(end, SLICE("--")))
        return ERR_BAD_REQUEST;
    multipart->ignored = 0;
    multipart->state = EPILOGUE;
    *event = MULTIPART_END;
    *found = true;
    return OK;
}

static void pass_boundary(struct multipart *multipart)
{
    multipart->matched = 0;
    multipart->boundary_end_n = 0;
    multipart->state = BOUNDARY_END;
}

static enum err step_body(struct multipart *multipart, enum multipart_event *event,
                          struct slice *data, bool *found)
{
    struct slice run = next_run(multipart);

    if (run.n > 0) {
        *data = run;
        *event = MULTIPART_DATA;
        *found = true;
    } else if (at_boundary(multipart)) {
        pass_boundary(multipart);
        *event = MULTIPART_PART_END;
        *found = true;
    }
    return OK;
}

static enum err step_preamble(struct multipart *multipart)
{
    if (!ignore(multipart, next_run(multipart).n))
        return ERR_BAD_REQUEST;
    if (at_boundary(multipart))
        pass_boundary(multipart);
    return OK;
}

static enum err step_epilogue(struct multipart *multipart)
{
    bool short_enough = ignore(multipart, multipart->in.n);

    multipart->in = SLICE_NONE;
    return short_enough ? OK : ERR_BAD_REQUEST;
}

static enum err step(struct multipart *multipart, enum multipart_event *event,
                     struct multipart_part *part, struct slice *data, bool *found)
{
    switch (multipart->state) {
    case PREAMBLE:
        return step_preamble(multipart);
    case BOUNDARY_END:
        return step_boundary_end(multipart, event, found);
    case HEAD:
        return step_head(multipart, event, part, found);
    case BODY:
        return step_body(multipart, event, data, found);
    case EPILOGUE:
        return step_epilogue(multipart);
    }
    return ERR_INTERNAL;
}

enum err multipart_next(struct multipart *multipart, enum multipart_event *event,
                        struct multipart_part *part, struct slice *data)
{
    bool found = false;
    enum err err = OK;

    /* A run that ended in a boundary leaves no input, but still its event to give. */
    while (err == OK && !found && (multipart->in.n > 0 || at_boundary(multipart)))
        err = step(multipart, event, part, data, &found);
    if (err != OK || found)
        return err;
    if (multipart->ended && multipart->state != EPILOGUE)
        return ERR_BAD_REQUEST;
    *event = MULTIPART_NEED_MORE;
    return OK;
}
