#include "gateway/http/multipart.h"

#include "base/charset.h"
#include "gateway/http/params.h"
#include "gateway/http/sent_name.h"

#include <assert.h>
#include <string.h>

enum { BOUNDARY_MAX = 70 };

struct multipart {
    struct arena *arena;
    enum { PREAMBLE, BOUNDARY_END, HEAD, BODY, EPILOGUE } state;
    struct slice delimiter; /* CRLF "--" boundary; the CR is its only one */
    size_t matched;         /* bytes of the delimiter seen at the end of what was read */
    struct slice in;
    bool ended;           /* an empty slice was fed */
    struct slice problem; /* empty: none so far */
    size_t parts, ignored;
    char boundary_end[2];
    size_t boundary_end_n;
    char *head;
    size_t head_n;
};

static enum err fail(struct multipart *multipart, struct slice problem)
{
    multipart->problem = problem;
    return ERR_BAD_REQUEST;
}

struct slice multipart_problem(const struct multipart *multipart)
{
    return multipart->problem;
}

/* Wider than RFC 2046 section 5.1.1: "*****" and the like are sent by many. */
static bool boundary_acceptable(struct slice boundary)
{
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX || boundary.p[boundary.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < boundary.n; i++)
        if (boundary.p[i] < ' ' || boundary.p[i] > '~')
            return false;
    return true;
}

struct multipart *multipart_new(struct arena *arena, struct slice content_type)
{
    struct params params;

    if (!params_parse(arena, content_type, &params) ||
        !slice_eq_nocase(params.value, SLICE("multipart/form-data")))
        return NULL;
    const struct param *boundary = params_find(&params, SLICE("boundary"));
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

static enum err ignore(struct multipart *multipart, size_t n)
{
    multipart->ignored += n;
    if (multipart->ignored <= MULTIPART_MAX_IGNORED)
        return OK;
    return fail(multipart, SLICE("More than 8 KiB stand outside of the form's parts: its lines are "
                                 "perhaps not those that its boundary names."));
}

/* Heads of parts */

static enum err parse_disposition(struct multipart *multipart, struct slice value,
                                  struct multipart_part *part)
{
    struct arena *arena = multipart->arena;
    struct params params;

    if (part->name.p)
        return fail(multipart, SLICE("A part has two Content-Dispositions."));
    if (!params_parse(arena, charset_guess(arena, value), &params))
        return fail(multipart, SLICE("A part's Content-Disposition gives a parameter twice, or has "
                                     "too many of them."));
    if (!slice_eq_nocase(params.value, SLICE("form-data")))
        return fail(multipart, SLICE("A part's Content-Disposition is not form-data."));
    const struct param *name = params_find(&params, SLICE("name"));
    const struct param *plain = params_find(&params, SLICE("filename"));
    const struct param *extended = params_find(&params, SLICE("filename*"));
    if (!name)
        return fail(multipart, SLICE("A part has no name."));
    part->name = arena_dup(arena, sent_name(arena, name));
    part->has_filename = plain || extended;
    if (part->has_filename)
        part->filename = arena_dup(arena, sent_filename(arena, plain, extended));
    return OK;
}

/* RFC 7578 section 4.7: such encodings are deprecated; taking them for payload would be wrong. */
static enum err check_transfer_encoding(struct multipart *multipart, struct slice value)
{
    if (slice_eq_nocase(value, SLICE("binary")) || slice_eq_nocase(value, SLICE("8bit")) ||
        slice_eq_nocase(value, SLICE("7bit")))
        return OK;
    return fail(multipart, SLICE("A part is in a Content-Transfer-Encoding; send it as binary."));
}

static enum err parse_content_type(struct multipart *multipart, struct slice value,
                                   struct multipart_part *part)
{
    struct slice start = {value.p, value.n < 10 ? value.n : 10};

    if (part->content_type.p)
        return fail(multipart, SLICE("A part has two Content-Types."));
    if (slice_eq_nocase(start, SLICE("multipart/")))
        return fail(multipart, SLICE("A part is a form of its own; send its files one by one."));
    part->content_type = arena_dup(multipart->arena, charset_guess(multipart->arena, value));
    return OK;
}

/* A folded line begins with a blank, and so has no name. */
static enum err parse_line(struct multipart *multipart, struct slice line,
                           struct multipart_part *part)
{
    size_t n = 0;

    while (n < line.n && params_token_char(line.p[n]))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return fail(multipart, SLICE("A line in a part's head is not `Name: value`."));
    struct slice name = {line.p, n}, value = slice_trim(slice_from_offset(line, n + 1));
    if (slice_eq_nocase(name, SLICE("Content-Disposition")))
        return parse_disposition(multipart, value, part);
    if (slice_eq_nocase(name, SLICE("Content-Type")))
        return parse_content_type(multipart, value, part);
    if (slice_eq_nocase(name, SLICE("Content-Transfer-Encoding")))
        return check_transfer_encoding(multipart, value);
    return OK; /* RFC 7578 section 4.8: all others are ignored */
}

static enum err parse_head(struct multipart *multipart, struct multipart_part *part)
{
    struct slice rest = {multipart->head, multipart->head_n}, line;
    enum err err = OK;

    *part = (struct multipart_part){0};
    while (err == OK && slice_split(rest, '\n', &line, &rest) && line.n > 1)
        err = parse_line(multipart, (struct slice){line.p, line.n - 1}, part);
    if (err == OK && !part->name.p)
        return fail(multipart, SLICE("A part has no Content-Disposition."));
    return err;
}

/* Takes one byte of a head; *complete after its blank line. */
static enum err take_head_byte(struct multipart *multipart, char c, bool *complete)
{
    size_t n = multipart->head_n;
    char last = n ? multipart->head[n - 1] : '\0';

    if (n == MULTIPART_MAX_PART_HEAD)
        return fail(multipart, SLICE("A part's head is larger than 8 KiB."));
    if ((c == '\n') != (last == '\r'))
        return fail(multipart, SLICE("A line in a part's head does not end in CR LF."));
    if (c == '\0')
        return fail(multipart, SLICE("A part's head has a NUL."));
    multipart->head[n++] = c;
    multipart->head_n = n;
    *complete = c == '\n' && (n == 2 || (n >= 4 && multipart->head[n - 3] == '\n'));
    return OK;
}

/* Steps: each consumes input and either gives an event (true in *found) or moves on. */

static enum err step_head(struct multipart *multipart, enum multipart_event *event,
                          struct multipart_part *part, bool *found)
{
    bool complete = false;

    while (multipart->in.n > 0 && !complete) {
        enum err err = take_head_byte(multipart, multipart->in.p[0], &complete);

        if (err != OK)
            return err;
        multipart->in = slice_from_offset(multipart->in, 1);
    }
    if (!complete)
        return OK;
    if (++multipart->parts > MULTIPART_MAX_PARTS)
        return fail(multipart, SLICE("The form has more than 64 parts."));
    enum err err = parse_head(multipart, part);
    if (err != OK)
        return err;
    multipart->state = BODY;
    multipart->matched = 0;
    *event = MULTIPART_PART;
    *found = true;
    return OK;
}

/* RFC 2046 section 5.1.1: blanks between the boundary and its line's end mean nothing. */
static enum err step_boundary_end(struct multipart *multipart, enum multipart_event *event,
                                  bool *found)
{
    char c = multipart->in.p[0];

    multipart->in = slice_from_offset(multipart->in, 1);
    if (multipart->boundary_end_n == 0 && (c == ' ' || c == '\t'))
        return ignore(multipart, 1);
    multipart->boundary_end[multipart->boundary_end_n++] = c;
    if (multipart->boundary_end_n == 1 && c == '\n')
        return fail(multipart,
                    SLICE("The boundary's line ends in LF; lines of a form end in CR LF."));
    if (multipart->boundary_end_n < sizeof multipart->boundary_end)
        return OK;

    struct slice end = {multipart->boundary_end, sizeof multipart->boundary_end};
    if (slice_eq(end, SLICE("\r\n"))) {
        multipart->head_n = 0;
        multipart->state = HEAD;
        return OK;
    }
    if (!slice_eq(end, SLICE("--")))
        return fail(multipart, SLICE("Behind a boundary stands neither CR LF nor \"--\"."));
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
    enum err err = ignore(multipart, next_run(multipart).n);

    if (err == OK && at_boundary(multipart))
        pass_boundary(multipart);
    return err;
}

static enum err step_epilogue(struct multipart *multipart)
{
    enum err err = ignore(multipart, multipart->in.n);

    multipart->in = SLICE_NONE;
    return err;
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
    if (multipart->ended && multipart->state == PREAMBLE)
        return fail(multipart, SLICE("The body has no line with the boundary that its Content-Type "
                                     "names, or its lines do not end in CR LF."));
    if (multipart->ended && multipart->state != EPILOGUE)
        return fail(multipart, SLICE("The body ends before the form's last boundary."));
    *event = MULTIPART_NEED_MORE;
    return OK;
}
