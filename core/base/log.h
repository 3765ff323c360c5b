/* log.h: one event per line on standard error, as one JSON object: time, level, process, event,
 * then the fields in the order given. Never secrets.
 *     log_event(LOG_WARN, "delivery_failed", F("endpoint", id), F("status", 503));
 */
#pragma once

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    enum { LOG_TEXT, LOG_NUMBER } kind;
    struct slice text;
    long long number;
};

void log_init(const char *process, enum log_level least);
bool log_level_parse(struct slice name, enum log_level *out);
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);

struct log_field log_field_slice(const char *key, struct slice value);
struct log_field log_field_cstr(const char *key, const char *value);
struct log_field log_field_int(const char *key, long long value);
struct log_field log_field_count(const char *key, unsigned long value); /* past LLONG_MAX: that */

#define F(key, value)                                                                              \
    _Generic((value), struct slice: log_field_slice, char *: log_field_cstr, \
             const char *: log_field_cstr, unsigned long: log_field_count,                        \
             default: log_field_int)((key), (value))

#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (struct log_field[]){{0}, ##__VA_ARGS__} + 1,                      \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)
