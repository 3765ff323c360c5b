#include "supervisor/redis_words.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BYTES = 8 << 10 };

/* The end of the file at `path`. */
static struct slice read_tail(struct arena *arena, const char *path)
{
    char *text = arena_alloc(arena, TAIL_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return SLICE_NONE;
    off_t end = lseek(fd, 0, SEEK_END);
    off_t start = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
    ssize_t n = pread(fd, text, TAIL_BYTES, start);
    close(fd);
    return (struct slice){text, n > 0 ? (size_t)n : 0};
}

/* "4711:M 29 Nov 2026 19:57:00.123 # What is wrong": Redis marks its warnings so. */
static bool is_warning(struct slice line, struct slice *words)
{
    for (size_t i = 0; i + 3 < line.n; i++) {
        if (memcmp(line.p + i, " # ", 3) != 0)
            continue;
        *words = slice_from_offset(line, i + 3);
        return true;
    }
    return false;
}

/* The last one since it was started. */
static struct slice last_warning(struct slice log)
{
    struct slice line, words, last = SLICE_NONE;

    while (slice_split(log, '\n', &line, &log)) {
        if (slice_ends_with(line, SLICE("Redis is starting oO0OoO0OoO0Oo")))
            last = SLICE_NONE;
        else if (is_warning(line, &words))
            last = words;
    }
    return last;
}

static bool has(struct slice text, const char *part)
{
    return text.n && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

struct slice redis_last_words(struct arena *arena, struct slice name, struct slice data)
{
    struct slice role = slice_from_offset(name, sizeof "redis-" - 1);
    struct slice folder = arena_printf(arena, "%.*s/redis/%.*s", SLICE_ARG(data), SLICE_ARG(role));
    struct slice log = read_tail(arena, arena_printf(arena, "%s/redis.log", folder.p).p);
    struct slice words = last_warning(log);

    if (!words.n)
        words = arena_printf(arena, "see %s/redis.log", folder.p);
    if (!has(words, "append only file") && !has(words, "AOF"))
        return arena_printf(arena, "%.*s has ended: %.*s", SLICE_ARG(name), SLICE_ARG(words));
    return arena_printf(arena,
                        "%.*s has ended: %.*s. What mends it, once a copy of %s is made: "
                        "redis-check-aof --fix %s/appendonlydir/appendonly.aof.manifest",
                        SLICE_ARG(name), SLICE_ARG(words), folder.p, folder.p);
}
