#include "base/yaml.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <yaml.h>

/* What a value takes with all aliases written out; depth: of the collections in it, 0 for scalars.
 */
struct extent {
    size_t nodes, bytes, depth;
};

struct anchor {
    struct slice name;
    json_t *value;
    bool complete; /* false: we are still inside of it */
    struct extent extent;
};

/* A collection that has begun. */
struct frame {
    json_t *container;
    const char *key;       /* of an object: waits for its value */
    struct anchor *anchor; /* NULL: it has none */
    struct extent before;  /* nodes and bytes of the document up to here */
    size_t depth;          /* of the collections inside, so far */
};

struct reader {
    struct arena *arena;
    yaml_parser_t parser;
    yaml_event_t event;
    struct frame frames[YAML_MAX_DEPTH];
    size_t depth;
    struct anchor anchors[YAML_MAX_ANCHORS];
    size_t anchor_count;
    struct extent all; /* nodes and bytes */
    json_t *root;
    struct slice *problem;
};

static bool fail_at(struct reader *r, yaml_mark_t at, const char *problem)
{
    *r->problem =
        arena_printf(r->arena, "line %zu, column %zu: %s", at.line + 1, at.column + 1, problem);
    return false;
}

static bool fail(struct reader *r, const char *problem)
{
    return fail_at(r, r->event.start_mark, problem);
}

/* Scalars */

enum match { NO_MATCH, MATCH, OUT_OF_RANGE };

static bool is_one_of(struct slice text, const char *const *words)
{
    for (; *words; words++)
        if (slice_eq(text, slice_from(*words)))
            return true;
    return false;
}

static enum match as_null(struct slice text, json_t **out)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    *out = json_null();
    return is_one_of(text, words) ? MATCH : NO_MATCH;
}

static enum match as_bool(struct slice text, json_t **out)
{
    static const char *const words[] = {"true", "True", "TRUE", NULL}, *const opposites[] = {
                                                                           "false", "False",
                                                                           "FALSE", NULL};
    bool value = is_one_of(text, words);

    *out = json_boolean(value);
    return value || is_one_of(text, opposites) ? MATCH : NO_MATCH;
}

/* Takes the digits at the front of *text; says how many there were. */
static size_t take_digits(struct slice *text, const char *digits)
{
    size_t n = 0;

    while (n < text->n && strchr(digits, text->p[n]))
        n++;
    *text = slice_from_offset(*text, n);
    return n;
}

static void take_sign(struct slice *text)
{
    if (text->n && (text->p[0] == '-' || text->p[0] == '+'))
        *text = slice_from_offset(*text, 1);
}

#define DECIMAL "0123456789"

static enum match as_integer(struct slice text, json_t **out)
{
    static const struct {
        struct slice prefix;
        const char *digits;
        int radix;
    } forms[] = {
        {SLICE_INIT("0o"), "01234567", 8},
        {SLICE_INIT("0x"), DECIMAL "abcdefABCDEF", 16},
        {SLICE_INIT(""), DECIMAL, 10},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (!slice_starts_with(text, forms[i].prefix))
            continue;
        struct slice number = slice_from_offset(text, forms[i].prefix.n), rest = number;
        if (forms[i].radix == 10)
            take_sign(&rest);
        if (take_digits(&rest, forms[i].digits) == 0 || rest.n)
            continue;
        errno = 0;
        long long value = strtoll(number.p, NULL, forms[i].radix);
        if (errno == ERANGE)
            return OUT_OF_RANGE;
        *out = json_integer(value);
        return MATCH;
    }
    return NO_MATCH;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(struct slice rest)
{
    take_sign(&rest);
    size_t digits = take_digits(&rest, DECIMAL);
    if (rest.n && rest.p[0] == '.') {
        rest = slice_from_offset(rest, 1);
        digits += take_digits(&rest, DECIMAL);
    }
    if (digits == 0)
        return false;
    if (rest.n == 0)
        return true;
    if (rest.p[0] != 'e' && rest.p[0] != 'E')
        return false;
    rest = slice_from_offset(rest, 1);
    take_sign(&rest);
    return take_digits(&rest, DECIMAL) > 0 && rest.n == 0;
}

static enum match as_float(struct slice text, json_t **out)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL}, *const none[] = {
                                                                              ".nan", ".NaN",
                                                                              ".NAN", NULL};
    struct slice magnitude = text;

    take_sign(&magnitude);
    if (is_one_of(magnitude, infinite) || is_one_of(text, none))
        return OUT_OF_RANGE;
    if (!is_float(text))
        return NO_MATCH;
    double value = strtod(text.p, NULL);
    if (!isfinite(value))
        return OUT_OF_RANGE;
    *out = json_real(value);
    return MATCH;
}

static enum match as_text(struct slice text, json_t **out)
{
    *out = json_stringn(text.p, text.n);
    return MATCH;
}

/* In the order in which a plain scalar is tried. *out is a new reference when it matches. */
static const struct {
    const char *tag;
    enum match (*fn)(struct slice text, json_t **out);
} schema[] = {
    {YAML_NULL_TAG, as_null},   {YAML_BOOL_TAG, as_bool}, {YAML_INT_TAG, as_integer},
    {YAML_FLOAT_TAG, as_float}, {YAML_STR_TAG, as_text},
};

static struct slice scalar_text(const struct reader *r)
{
    return (struct slice){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

/* "!" is YAML's word for: not by how it looks. */
static const char *known_tag(const yaml_char_t *tag, const char *generic)
{
    return tag && strcmp((const char *)tag, "!") == 0 ? generic : (const char *)tag;
}

static const char *scalar_tag(const struct reader *r)
{
    if (r->event.data.scalar.tag)
        return known_tag(r->event.data.scalar.tag, YAML_STR_TAG);
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? NULL : YAML_STR_TAG;
}

static bool scalar_value(struct reader *r, json_t **out)
{
    const char *tag = scalar_tag(r);

    for (size_t i = 0; i < sizeof schema / sizeof *schema; i++) {
        if (tag && strcmp(tag, schema[i].tag) != 0)
            continue;
        enum match match = schema[i].fn(scalar_text(r), out);
        if (match == MATCH)
            return true;
        if (match == OUT_OF_RANGE)
            return fail(r, "a number out of range");
    }
    return fail(r, "a tag that is unknown or does not fit");
}

/* Building */

static struct frame *innermost(struct reader *r)
{
    return r->depth ? &r->frames[r->depth - 1] : NULL;
}

static bool key_is_next(struct reader *r)
{
    const struct frame *frame = innermost(r);

    return frame && json_is_object(frame->container) && !frame->key;
}

/* Is there room for a value of this extent where we are? */
static bool count(struct reader *r, struct extent extent)
{
    struct frame *frame = innermost(r);

    r->all.nodes += extent.nodes;
    r->all.bytes += extent.bytes;
    if (r->all.nodes > YAML_MAX_NODES)
        return fail(r, "more values than are allowed in one document");
    if (r->all.bytes > YAML_MAX_BYTES)
        return fail(r, "more text than is allowed in one document");
    if (r->depth + extent.depth > YAML_MAX_DEPTH)
        return fail(r, "nested too deeply");
    if (frame && frame->depth < extent.depth)
        frame->depth = extent.depth;
    return true;
}

/* Takes the value. */
static void attach(struct reader *r, json_t *value)
{
    struct frame *frame = innermost(r);
    int failed = 0;

    assert(value);
    if (!frame) {
        r->root = value;
    } else if (json_is_array(frame->container)) {
        failed = json_array_append_new(frame->container, value);
    } else {
        failed = json_object_set_new(frame->container, frame->key, value);
        frame->key = NULL;
    }
    assert(!failed);
}

/* A name may be given anew, so none is overwritten and the last one counts. */
static bool add_anchor(struct reader *r, const yaml_char_t *name, struct anchor anchor)
{
    if (!name)
        return true;
    if (r->anchor_count == YAML_MAX_ANCHORS)
        return fail(r, "more anchors than are allowed in one document");
    anchor.name = arena_dup(r->arena, slice_from((const char *)name));
    r->anchors[r->anchor_count++] = anchor;
    return true;
}

static bool take_key(struct reader *r)
{
    struct frame *frame = innermost(r);
    struct slice text = scalar_text(r);
    const char *tag = scalar_tag(r);

    if (r->event.data.scalar.anchor)
        return fail(r, "a key must not have an anchor");
    if (tag && strcmp(tag, YAML_STR_TAG) != 0)
        return fail(r, "a key must be a text");
    if (!tag && slice_eq(text, SLICE("<<")))
        return fail(r, "merge keys are not supported");
    frame->key = arena_cstr(r->arena, text);
    if (json_object_get(frame->container, frame->key))
        return fail(r, "this key is there already");
    return count(r, (struct extent){.nodes = 1, .bytes = text.n});
}

static bool on_scalar(struct reader *r)
{
    struct slice text = scalar_text(r);
    struct extent extent = {.nodes = 1, .bytes = text.n};
    json_t *value;

    if (memchr(text.p, '\0', text.n))
        return fail(r, "a NUL character");
    if (key_is_next(r))
        return take_key(r);
    if (!count(r, extent) || !scalar_value(r, &value))
        return false;
    attach(r, value);
    return add_anchor(r, r->event.data.scalar.anchor,
                      (struct anchor){.value = value, .complete = true, .extent = extent});
}

static bool on_alias(struct reader *r)
{
    struct slice name = slice_from((const char *)r->event.data.alias.anchor);

    if (key_is_next(r))
        return fail(r, "a key must not be an alias");
    for (size_t i = r->anchor_count; i-- > 0;) {
        const struct anchor *anchor = &r->anchors[i];

        if (!slice_eq(anchor->name, name))
            continue;
        if (!anchor->complete)
            return fail(r, "an alias inside of what it stands for");
        if (!count(r, anchor->extent))
            return false;
        attach(r, json_incref(anchor->value));
        return true;
    }
    return fail(r, "an alias of an unknown anchor");
}

static bool begin_collection(struct reader *r, json_t *container, const yaml_char_t *name)
{
    struct frame frame = {.container = container, .before = r->all};

    attach(r, container);
    if (!add_anchor(r, name, (struct anchor){.value = container}))
        return false;
    if (name)
        frame.anchor = &r->anchors[r->anchor_count - 1];
    r->frames[r->depth++] = frame;
    return true;
}

/* The checks of both kinds of collections. */
static bool may_begin(struct reader *r, const yaml_char_t *tag, const char *own_tag)
{
    if (key_is_next(r))
        return fail(r, "a key must be a text");
    if (tag && strcmp(known_tag(tag, own_tag), own_tag) != 0)
        return fail(r, "a tag that is unknown or does not fit");
    return count(r, (struct extent){.nodes = 1, .depth = 1});
}

static bool on_sequence(struct reader *r)
{
    return may_begin(r, r->event.data.sequence_start.tag, YAML_SEQ_TAG) &&
           begin_collection(r, json_array(), r->event.data.sequence_start.anchor);
}

static bool on_mapping(struct reader *r)
{
    return may_begin(r, r->event.data.mapping_start.tag, YAML_MAP_TAG) &&
           begin_collection(r, json_object(), r->event.data.mapping_start.anchor);
}

static bool on_collection_end(struct reader *r)
{
    const struct frame *frame = &r->frames[--r->depth];
    struct frame *around = innermost(r);
    size_t depth = frame->depth + 1;

    if (around && around->depth < depth)
        around->depth = depth;
    if (frame->anchor) {
        frame->anchor->complete = true;
        frame->anchor->extent = (struct extent){.nodes = r->all.nodes - frame->before.nodes + 1,
                                                .bytes = r->all.bytes - frame->before.bytes,
                                                .depth = depth};
    }
    return true;
}

static bool on_stream(struct reader *r)
{
    return r->event.data.stream_start.encoding == YAML_UTF8_ENCODING ||
           fail(r, "the text is not UTF-8");
}

static bool on_document(struct reader *r)
{
    return !r->root || fail(r, "only one document is allowed");
}

static bool on_document_end(struct reader *r)
{
    return true;
}

static bool on_end(struct reader *r)
{
    return r->root || fail(r, "there is no document");
}

static bool (*const on_event[])(struct reader *r) = {
    [YAML_STREAM_START_EVENT] = on_stream,
    [YAML_STREAM_END_EVENT] = on_end,
    [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_DOCUMENT_END_EVENT] = on_document_end,
    [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,
    [YAML_SEQUENCE_START_EVENT] = on_sequence,
    [YAML_SEQUENCE_END_EVENT] = on_collection_end,
    [YAML_MAPPING_START_EVENT] = on_mapping,
    [YAML_MAPPING_END_EVENT] = on_collection_end,
};

/* Where libyaml stumbled: over bytes it knows the offset only. */
static bool fail_as_libyaml(struct reader *r, struct slice text)
{
    yaml_mark_t at = r->parser.problem_mark;

    assert(r->parser.error != YAML_MEMORY_ERROR);
    if (r->parser.error == YAML_READER_ERROR) {
        at = (yaml_mark_t){0};
        for (size_t i = 0; i < r->parser.problem_offset && i < text.n; i++) {
            at.column = text.p[i] == '\n' ? 0 : at.column + 1;
            at.line += text.p[i] == '\n';
        }
    }
    return fail_at(r, at, r->parser.problem);
}

static bool read_document(struct reader *r, struct slice text)
{
    bool good = true, ended = false;

    while (good && !ended) {
        if (!yaml_parser_parse(&r->parser, &r->event))
            return fail_as_libyaml(r, text);
        good = on_event[r->event.type](r);
        ended = r->event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&r->event);
    }
    return good;
}

static void release(void *arg)
{
    json_decref(arg);
}

json_t *yaml_parse(struct arena *arena, struct slice text, struct slice *problem)
{
    struct reader *r = ARENA_NEW(arena, struct reader);

    *problem = SLICE_NONE;
    if (text.n > YAML_MAX_BYTES) {
        *problem = arena_printf(arena, "longer than %d bytes", YAML_MAX_BYTES);
        return NULL;
    }
    r->arena = arena;
    r->problem = problem;
    int ready = yaml_parser_initialize(&r->parser);
    assert(ready);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    bool good = read_document(r, text);
    yaml_parser_delete(&r->parser);
    if (!good) {
        json_decref(r->root);
        return NULL;
    }
    arena_defer(arena, release, r->root);
    return r->root;
}
