#include "wire/wire.h"

#include "base/json.h"
#include "base/msgpack.h"
#include "wire/shape.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct slice key_version = SLICE_INIT("v");
static const struct slice key_type = SLICE_INIT("type");

const char *wire_fault_name(enum wire_fault fault)
{
    static const char *const names[] = {
        [WIRE_FINE] = "fine",
        [WIRE_MALFORMED] = "malformed",
        [WIRE_WRONG_VERSION] = "wrong_version",
        [WIRE_UNKNOWN_TYPE] = "unknown_type",
        [WIRE_MISSING_FIELD] = "missing_field",
        [WIRE_UNKNOWN_FIELD] = "unknown_field",
        [WIRE_WRONG_TYPE] = "wrong_type",
        [WIRE_OUT_OF_RANGE] = "out_of_range",
    };

    return names[fault];
}

struct slice wire_type_name(enum wire_type type)
{
    return wire_shapes[type]->name;
}

/* ---- bounds, the same in both directions ---- */

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != ':' && c != '-' && c != '.')
            return false;
    }
    return s.n == 0 || s.p[0] != '.';
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\n') || c == 0x7f;
}

static bool is_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_control(s.p[i]))
            return false;
    }
    return utf8_valid(s);
}

static bool number_fits(const struct wire_field *field, uint64_t value)
{
    return value >= field->min && value <= field->max;
}

static bool integer_fits(const struct wire_field *field, int64_t value)
{
    return value >= field->int_min && value <= field->int_max;
}

static bool string_fits(const struct wire_field *field, struct slice s)
{
    return number_fits(field, s.n) && (field->type == WIRE_TOKEN ? is_token(s) : is_text(s));
}

static bool real_fits(const struct wire_field *field, double value)
{
    return isfinite(value) && value >= field->real_min && value <= field->real_max;
}

/* ---- encoding ---- */

#define MEMBER(type, base, offset) ((type const *)(const void *)((const char *)(base) + (offset)))

static int add_bytes(void *out, const char *bytes, size_t n)
{
    return buf_add(out, (struct slice){bytes, n}) ? 0 : -1;
}

static void pack_text(msgpack_packer *packer, struct slice s)
{
    msgpack_pack_str(packer, s.n);
    if (s.n)
        msgpack_pack_str_body(packer, s.p, s.n);
}

static bool is_present(const struct wire_field *field, const void *from)
{
    if (!field->optional)
        return true;
    if (field->type == WIRE_TOKEN || field->type == WIRE_TEXT)
        return MEMBER(struct slice, from, field->offset)->n > 0;
    return *MEMBER(bool, from, field->has_offset);
}

static size_t count_present(const struct wire_shape *shape, const void *from)
{
    size_t n = 0;

    for (size_t i = 0; i < shape->n; i++)
        n += is_present(&shape->fields[i], from);
    return n;
}

/* NOLINTBEGIN(misc-no-recursion): shapes nest as deep as wire.yaml says */

static void pack_fields(msgpack_packer *packer, const struct wire_shape *shape, const void *from);

static void pack_struct(msgpack_packer *packer, const struct wire_shape *shape, const void *from)
{
    msgpack_pack_map(packer, count_present(shape, from));
    pack_fields(packer, shape, from);
}

static void pack_set(msgpack_packer *packer, const struct wire_field *field, unsigned bits)
{
    assert(bits < 1U << field->names_n);
    msgpack_pack_array(packer, (size_t)__builtin_popcount(bits));
    for (size_t i = 0; i < field->names_n; i++) {
        if (bits & 1U << i)
            pack_text(packer, field->names[i]);
    }
}

static void pack_list(msgpack_packer *packer, const struct wire_field *field, const void *from)
{
    const char *items = *MEMBER(void *, from, field->offset);
    size_t n = *MEMBER(size_t, from, field->count_offset);

    assert(number_fits(field, n));
    msgpack_pack_array(packer, n);
    for (size_t i = 0; i < n; i++)
        pack_struct(packer, field->shape, items + i * field->shape->size);
}

static void pack_value(msgpack_packer *packer, const struct wire_field *field, const void *from)
{
    const void *value = (const char *)from + field->offset;

    switch (field->type) {
    case WIRE_TOKEN:
    case WIRE_TEXT:
        assert(string_fits(field, *MEMBER(struct slice, value, 0)));
        pack_text(packer, *MEMBER(struct slice, value, 0));
        return;
    case WIRE_NUMBER:
        assert(number_fits(field, *MEMBER(uint64_t, value, 0)));
        msgpack_pack_uint64(packer, *MEMBER(uint64_t, value, 0));
        return;
    case WIRE_INTEGER:
        assert(integer_fits(field, *MEMBER(int64_t, value, 0)));
        msgpack_pack_int64(packer, *MEMBER(int64_t, value, 0));
        return;
    case WIRE_REAL:
        assert(real_fits(field, *MEMBER(double, value, 0)));
        msgpack_pack_double(packer, *MEMBER(double, value, 0));
        return;
    case WIRE_FLAG:
        if (*MEMBER(bool, value, 0))
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        return;
    case WIRE_ENUM:
        assert(*MEMBER(unsigned, value, 0) < field->names_n);
        pack_text(packer, field->names[*MEMBER(unsigned, value, 0)]);
        return;
    case WIRE_SET:
        pack_set(packer, field, *MEMBER(unsigned, value, 0));
        return;
    case WIRE_STRUCT:
        pack_struct(packer, field->shape, value);
        return;
    case WIRE_LIST:
        pack_list(packer, field, from);
        return;
    }
}

static void pack_fields(msgpack_packer *packer, const struct wire_shape *shape, const void *from)
{
    for (size_t i = 0; i < shape->n; i++) {
        const struct wire_field *field = &shape->fields[i];

        if (!is_present(field, from))
            continue;
        pack_text(packer, field->name);
        pack_value(packer, field, from);
    }
}

/* NOLINTEND(misc-no-recursion) */

/* All members of the union begin where it begins. */
static const void *payload_of(const struct wire_message *message)
{
    return &message->ready;
}

bool wire_encode(struct buf *out, const struct wire_message *message)
{
    const struct wire_shape *shape = wire_shapes[message->type];
    const void *payload = payload_of(message);
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, add_bytes);
    msgpack_pack_map(&packer, 2 + count_present(shape, payload));
    pack_text(&packer, key_version);
    msgpack_pack_uint64(&packer, WIRE_VERSION);
    pack_text(&packer, key_type);
    pack_text(&packer, shape->name);
    pack_fields(&packer, shape, payload);
    return !out->overflow;
}

/* ---- decoding ---- */

static bool take_text(const msgpack_object *value, struct slice *out)
{
    if (value->type != MSGPACK_OBJECT_STR)
        return false;
    *out = (struct slice){value->via.str.ptr, value->via.str.size};
    return true;
}

static const msgpack_object *find(const msgpack_object_map *map, struct slice name)
{
    for (uint32_t i = 0; i < map->size; i++) {
        struct slice key;

        if (take_text(&map->ptr[i].key, &key) && slice_eq(key, name))
            return &map->ptr[i].val;
    }
    return NULL;
}

static bool find_name(const struct wire_field *field, struct slice name, unsigned *out)
{
    for (unsigned i = 0; i < field->names_n; i++) {
        if (slice_eq(field->names[i], name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static enum wire_fault take_enum(const struct wire_field *field, const msgpack_object *value,
                                 unsigned *out)
{
    struct slice name;

    if (!take_text(value, &name))
        return WIRE_WRONG_TYPE;
    return find_name(field, name, out) ? WIRE_FINE : WIRE_OUT_OF_RANGE;
}

static enum wire_fault take_set(const struct wire_field *field, const msgpack_object *value,
                                unsigned *out)
{
    if (value->type != MSGPACK_OBJECT_ARRAY)
        return WIRE_WRONG_TYPE;
    for (uint32_t i = 0; i < value->via.array.size; i++) {
        unsigned bit;
        enum wire_fault fault = take_enum(field, &value->via.array.ptr[i], &bit);

        if (fault)
            return fault;
        if (*out & 1U << bit)
            return WIRE_OUT_OF_RANGE;
        *out |= 1U << bit;
    }
    return WIRE_FINE;
}

static enum wire_fault take_string(const struct wire_field *field, const msgpack_object *value,
                                   struct slice *out)
{
    if (!take_text(value, out))
        return WIRE_WRONG_TYPE;
    /* Of an optional text the empty form is to be left out. */
    if (field->optional && out->n == 0)
        return WIRE_OUT_OF_RANGE;
    return string_fits(field, *out) ? WIRE_FINE : WIRE_OUT_OF_RANGE;
}

static enum wire_fault take_number(const struct wire_field *field, const msgpack_object *value,
                                   uint64_t *out)
{
    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return WIRE_WRONG_TYPE;
    *out = value->via.u64;
    return number_fits(field, *out) ? WIRE_FINE : WIRE_OUT_OF_RANGE;
}

static enum wire_fault take_integer(const struct wire_field *field, const msgpack_object *value,
                                    int64_t *out)
{
    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
        value->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return WIRE_WRONG_TYPE;
    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 > INT64_MAX)
        return WIRE_OUT_OF_RANGE;
    *out = value->via.i64;
    return integer_fits(field, *out) ? WIRE_FINE : WIRE_OUT_OF_RANGE;
}

static enum wire_fault take_real(const struct wire_field *field, const msgpack_object *value,
                                 double *out)
{
    if (value->type != MSGPACK_OBJECT_FLOAT64)
        return WIRE_WRONG_TYPE;
    *out = value->via.f64;
    return real_fits(field, *out) ? WIRE_FINE : WIRE_OUT_OF_RANGE;
}

/* NOLINTBEGIN(misc-no-recursion): the shape is followed, not what has come */

static enum wire_fault take_fields(struct arena *arena, const struct wire_shape *shape,
                                   const msgpack_object_map *map, size_t others, void *out);

static enum wire_fault take_struct(struct arena *arena, const struct wire_shape *shape,
                                   const msgpack_object *value, void *out)
{
    if (value->type != MSGPACK_OBJECT_MAP)
        return WIRE_WRONG_TYPE;
    return take_fields(arena, shape, &value->via.map, 0, out);
}

static enum wire_fault take_list(struct arena *arena, const struct wire_field *field,
                                 const msgpack_object *value, void *out)
{
    if (value->type != MSGPACK_OBJECT_ARRAY)
        return WIRE_WRONG_TYPE;
    size_t n = value->via.array.size;
    if (!number_fits(field, n))
        return WIRE_OUT_OF_RANGE;
    char *items = arena_zalloc(arena, n * field->shape->size);
    for (size_t i = 0; i < n; i++) {
        enum wire_fault fault = take_struct(arena, field->shape, &value->via.array.ptr[i],
                                            items + i * field->shape->size);

        if (fault)
            return fault;
    }
    *(void **)(void *)((char *)out + field->offset) = items;
    *(size_t *)(void *)((char *)out + field->count_offset) = n;
    return WIRE_FINE;
}

static enum wire_fault take_value(struct arena *arena, const struct wire_field *field,
                                  const msgpack_object *value, void *out)
{
    void *member = (char *)out + field->offset;

    switch (field->type) {
    case WIRE_TOKEN:
    case WIRE_TEXT:
        return take_string(field, value, member);
    case WIRE_NUMBER:
        return take_number(field, value, member);
    case WIRE_INTEGER:
        return take_integer(field, value, member);
    case WIRE_REAL:
        return take_real(field, value, member);
    case WIRE_FLAG:
        if (value->type != MSGPACK_OBJECT_BOOLEAN)
            return WIRE_WRONG_TYPE;
        *(bool *)member = value->via.boolean;
        return WIRE_FINE;
    case WIRE_ENUM:
        return take_enum(field, value, member);
    case WIRE_SET:
        return take_set(field, value, member);
    case WIRE_STRUCT:
        return take_struct(arena, field->shape, value, member);
    case WIRE_LIST:
        return take_list(arena, field, value, out);
    }
    return WIRE_MALFORMED;
}

/* others: entries of the map that the caller has read itself. Whatever is left over is unknown, or
 * a second one of the same name. */
static enum wire_fault take_fields(struct arena *arena, const struct wire_shape *shape,
                                   const msgpack_object_map *map, size_t others, void *out)
{
    size_t taken = others;

    for (size_t i = 0; i < shape->n; i++) {
        const struct wire_field *field = &shape->fields[i];
        const msgpack_object *value = find(map, field->name);

        if (!value && field->optional)
            continue;
        if (!value)
            return WIRE_MISSING_FIELD;
        enum wire_fault fault = take_value(arena, field, value, out);
        if (fault)
            return fault;
        if (field->has_offset)
            *((bool *)out + field->has_offset) = true;
        taken++;
    }
    return taken == map->size ? WIRE_FINE : WIRE_UNKNOWN_FIELD;
}

/* NOLINTEND(misc-no-recursion) */

static enum wire_fault take_type(const msgpack_object_map *map, enum wire_type *out)
{
    const msgpack_object *version = find(map, key_version);
    const msgpack_object *type = find(map, key_type);
    struct slice name;

    if (!version || !type)
        return WIRE_MISSING_FIELD;
    if (version->type != MSGPACK_OBJECT_POSITIVE_INTEGER || !take_text(type, &name))
        return WIRE_WRONG_TYPE;
    if (version->via.u64 != WIRE_VERSION)
        return WIRE_WRONG_VERSION;
    for (unsigned i = 0; i < WIRE_TYPE_COUNT; i++) {
        if (slice_eq(wire_shapes[i]->name, name)) {
            *out = (enum wire_type)i;
            return WIRE_FINE;
        }
    }
    return WIRE_UNKNOWN_TYPE;
}

enum wire_fault wire_decode(struct arena *arena, struct slice bytes, struct wire_message *out)
{
    msgpack_object object;

    memset(out, 0, sizeof(*out));
    if (bytes.n > WIRE_MAX_BYTES || !msgpack_parse(arena, bytes, &object) ||
        object.type != MSGPACK_OBJECT_MAP)
        return WIRE_MALFORMED;
    enum wire_fault fault = take_type(&object.via.map, &out->type);
    if (fault)
        return fault;
    return take_fields(arena, wire_shapes[out->type], &object.via.map, 2, &out->ready);
}

/* ---- texts from outside ---- */

static size_t character_bytes(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xe0)
        return 2;
    return first < 0xf0 ? 3 : 4;
}

struct slice wire_clip(struct arena *arena, struct slice text, size_t max_bytes)
{
    char *out = arena_alloc(arena, max_bytes + 1);
    size_t n = 0, i = 0;

    while (i < text.n) {
        struct slice one = {text.p + i, character_bytes((unsigned char)text.p[i])};

        if (one.n > text.n - i || !utf8_valid(one) || is_control(*one.p)) {
            i++;
            continue;
        }
        if (n + one.n > max_bytes)
            break;
        memcpy(out + n, one.p, one.n);
        n += one.n;
        i += one.n;
    }
    while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\n'))
        n--;
    return slice_trim((struct slice){out, n});
}
