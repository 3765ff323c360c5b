/* json.h: JSON at the borders. Parsing goes through a depth scan first (jansson recurses); writing
 * is an append-only writer over a buf, without a tree in between. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

#include <jansson.h>

enum { JSON_MAX_DEPTH = 32 };

/* Parses one complete value, after a byte order mark too (RFC 8259 section 8.1). NULL on anything
 * else: too deep, trailing bytes, duplicate keys, invalid UTF-8 or \u0000. The tree is released
 * with the arena. */
json_t *json_parse(struct arena *arena, struct slice text);

/* Fields of an object; an absent or differently typed one gives an empty slice / false. */
struct slice json_get_slice(const json_t *object, const char *key);
bool json_get_u64(const json_t *object, const char *key, uint64_t *out);

/* Serialises compactly, keys in insertion order. */
struct slice json_dump(struct arena *arena, const json_t *value);
struct slice json_dump_sorted(struct arena *arena, const json_t *value); /* keys in their order */

/* The writer: commas are placed by it, nesting is the caller's. A key is an ASCII literal. */
struct json_writer {
    struct buf *out;
    bool comma;
};

void jw_init(struct json_writer *w, struct buf *out);
void jw_object(struct json_writer *w);     /* { */
void jw_object_end(struct json_writer *w); /* } */
void jw_array(struct json_writer *w);
void jw_array_end(struct json_writer *w);
void jw_key(struct json_writer *w, const char *key);
void jw_slice(struct json_writer *w, struct slice text); /* escaped; bytes must be UTF-8 */
void jw_i64(struct json_writer *w, int64_t value);
void jw_double(struct json_writer *w, double value);
void jw_null(struct json_writer *w);
void jw_raw(struct json_writer *w, struct slice json); /* already serialised */

/* key and value in one go */
void jw_str(struct json_writer *w, const char *key, struct slice text);
void jw_str_or_null(struct json_writer *w, const char *key, struct slice text); /* empty = null */
void jw_int(struct json_writer *w, const char *key, int64_t value);
void jw_flag(struct json_writer *w, const char *key, bool value);
void jw_time(struct json_writer *w, const char *key, uint64_t unix_ms);  /* 0 = null */
void jw_moment(struct json_writer *w, const char *key, int64_t unix_ms); /* also before 1970 */
