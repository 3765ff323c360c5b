#include "gateway/surfaces/backup_repository/filename.h"

#include <inttypes.h>
#include <string.h>

static char safe(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F || c == '/' ? '_' : c;
}

static bool is_usable(struct slice name)
{
    return name.n > 0 && !slice_eq(name, SLICE(".")) && !slice_eq(name, SLICE(".."));
}

struct slice backup_filename(struct arena *arena, struct slice template, uint64_t version)
{
    const struct slice mark = SLICE("${version}");
    struct slice number = arena_printf(arena, "%" PRIu64, version), rest = template;
    char *p = arena_alloc(arena, 2 * template.n + 1); /* 10 bytes become 20 digits at most */
    size_t n = 0;

    while (rest.n) {
        if (slice_starts_with(rest, mark)) {
            memcpy(p + n, number.p, number.n);
            n += number.n;
            rest = slice_from_offset(rest, mark.n);
        } else {
            p[n++] = safe(rest.p[0]);
            rest = slice_from_offset(rest, 1);
        }
    }
    struct slice name = {p, n};
    return is_usable(name) ? name : arena_printf(arena, "version-%.*s", SLICE_ARG(number));
}
