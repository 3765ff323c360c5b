#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 3072, /* under PIPE_BUF, so a pipe takes it in one piece */
    LINE_TAIL_BYTES = 32,  /* kept free for the closing brace and the truncation mark */
    TEXT_MAX_BYTES = 1024, /* of one field */
};

static const struct slice levels[] = {
    [LOG_DEBUG] = SLICE_INIT("debug"),
    [LOG_INFO] = SLICE_INIT("info"),
    [LOG_WARN] = SLICE_INIT("warn"),
    [LOG_ERROR] = SLICE_INIT("error"),
};

static const char *process_name = "mediahub";
static atomic_int least_level = LOG_INFO;

void log_init(const char *process, enum log_level least)
{
    process_name = process;
    least_level = (int)least;
}

bool log_level_parse(struct slice name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (slice_eq(name, levels[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* One write for the line, so that lines of several processes on one pipe do not mix. */
static void write_line(struct slice line)
{
    while (line.n) {
        ssize_t n = write(STDERR_FILENO, line.p, line.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere left to complain */
        line = slice_from_offset(line, (size_t)n);
    }
}

static void put_time(struct json_writer *w)
{
    uint64_t unix_ms = clock_unix_ms();
    char text[CLOCK_RFC3339_BYTES + 8];

    clock_rfc3339_into(text, (int64_t)unix_ms);
    int n = snprintf(text + CLOCK_RFC3339_BYTES - 1, 9, ".%03uZ", (unsigned)(unix_ms % 1000));
    jw_str(w, "time", (struct slice){text, CLOCK_RFC3339_BYTES - 1 + (size_t)n});
}

static void put_field(struct json_writer *w, const struct log_field *field)
{
    struct slice text = field->text;

    if (field->kind == LOG_NUMBER) {
        jw_int(w, field->key, field->number);
        return;
    }
    if (text.n > TEXT_MAX_BYTES)
        text.n = TEXT_MAX_BYTES;
    jw_str(w, field->key, text);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    char bytes[LINE_MAX_BYTES];
    struct buf line = {
        .p = bytes, .size = sizeof bytes, .max_bytes = sizeof bytes - LINE_TAIL_BYTES};
    struct json_writer w;

    if ((int)level < least_level)
        return;
    jw_init(&w, &line);
    jw_object(&w);
    put_time(&w);
    jw_str(&w, "level", levels[level]);
    jw_str(&w, "process", slice_from(process_name));
    jw_int(&w, "pid", getpid());
    jw_str(&w, "event", slice_from(event));
    for (size_t i = 0; i < n && !line.overflow; i++) {
        size_t before = line.n;

        put_field(&w, &fields[i]);
        if (line.overflow)
            line.n = before;
    }
    line.max_bytes = sizeof bytes;
    if (line.overflow)
        buf_add(&line, SLICE(",\"truncated\":true"));
    buf_add(&line, SLICE("}\n"));
    write_line(buf_slice(&line));
}

struct log_field log_field_slice(const char *key, struct slice value)
{
    return (struct log_field){.key = key, .kind = LOG_TEXT, .text = value};
}

struct log_field log_field_cstr(const char *key, const char *value)
{
    return log_field_slice(key, slice_from(value));
}

struct log_field log_field_int(const char *key, long long value)
{
    return (struct log_field){.key = key, .kind = LOG_NUMBER, .number = value};
}

struct log_field log_field_count(const char *key, unsigned long value)
{
    return log_field_int(key, value > LLONG_MAX ? LLONG_MAX : (long long)value);
}
