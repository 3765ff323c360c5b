#include "decode/cut.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 16, MAX_STEPS = 200000 };

struct look {
    int fd;
    uint64_t size; /* of the file */
    unsigned char head[HEAD_BYTES];
    size_t n; /* of head */
};

static bool look_at(struct look *look, uint64_t at)
{
    ssize_t n = at < look->size ? pread(look->fd, look->head, HEAD_BYTES, (off_t)at) : 0;

    look->n = n > 0 ? (size_t)n : 0;
    return look->n >= 8;
}

static bool head_has(const struct look *look, size_t offset, const char *bytes, size_t n)
{
    return look->n >= offset + n && memcmp(look->head + offset, bytes, n) == 0;
}

static uint64_t big_endian(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_box_type(const unsigned char *type)
{
    for (size_t i = 0; i < 4; i++)
        if (!isprint(type[i]) && type[i] != 0xa9)
            return false;
    return true;
}

/* What stands behind the last box without being one is nobody's loss, and padding neither. */
static enum cut of_boxes(struct look *look)
{
    uint64_t at = 0;

    for (unsigned step = 0; step < MAX_STEPS && look_at(look, at); step++) {
        uint64_t n = big_endian(look->head, 4), head = 8;

        if (n == 1 && look->n == HEAD_BYTES) {
            n = big_endian(look->head + 8, 8);
            head = 16;
        }
        if (n == 0 || n < head || !is_box_type(look->head + 4))
            return CUT_WHOLE;
        if (n > look->size - at)
            return head_has(look, 4, "free", 4) || head_has(look, 4, "skip", 4) ? CUT_WHOLE
                                                                                : CUT_SHORT;
        at += n;
    }
    return CUT_WHOLE;
}

/* Recorders that were switched off leave 0, pipes leave all ones. */
static enum cut of_riffs(struct look *look)
{
    uint64_t at = 0;

    while (look_at(look, at) && head_has(look, 0, "RIFF", 4)) {
        uint64_t n = (uint64_t)look->head[7] << 24 | (uint64_t)look->head[6] << 16 |
                     (uint64_t)look->head[5] << 8 | look->head[4];

        if (n == 0 || n >= 0x7fffffff)
            return CUT_UNKNOWN;
        if (n > look->size - at - 8)
            return CUT_SHORT;
        at += 8 + n + (n & 1);
    }
    return CUT_WHOLE;
}

/* A number of 1 to 8 bytes at the head's offset; all ones say "unknown", as does false. */
static bool ebml_size(const struct look *look, size_t *offset, uint64_t *out)
{
    size_t n = 1;

    while (n <= 8 && *offset < look->n && !(look->head[*offset] & 0x80u >> (n - 1)))
        n++;
    if (n > 8 || *offset + n > look->n)
        return false;
    uint64_t ones = (UINT64_C(1) << (7 * n)) - 1;
    *out = big_endian(look->head + *offset, n) & ones;
    *offset += n;
    return *out != ones;
}

static enum cut of_segment(struct look *look)
{
    uint64_t n;
    size_t head = 4;

    if (!ebml_size(look, &head, &n))
        return CUT_UNKNOWN;
    uint64_t at = head + n;
    head = 4;
    if (!look_at(look, at) || !head_has(look, 0, "\x18\x53\x80\x67", 4) ||
        !ebml_size(look, &head, &n))
        return CUT_UNKNOWN;
    return n > look->size - at - head ? CUT_SHORT : CUT_WHOLE;
}

/* Their length is told by their last time stamps; only a piece of a packet betrays the cut. */
static enum cut of_packets(struct look *look)
{
    static const struct {
        size_t first, step;
    } layouts[] = {{0, 188}, {4, 192}, {0, 204}};

    for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
        size_t seen = 0;

        while (seen < 5 && look_at(look, layouts[i].first + seen * layouts[i].step) &&
               look->head[0] == 0x47)
            seen++;
        if (seen == 5)
            return look->size % layouts[i].step ? CUT_SHORT : CUT_UNKNOWN;
    }
    return CUT_UNKNOWN;
}

/* RFC 3533 section 6: a page tells its length by a table behind 27 bytes, whose last one counts the
 * entries. The last page that begins must end with the file. */
static enum cut of_pages(const struct look *look)
{
    enum { HEADER = 27, TAIL_BYTES = HEADER + 255 + 255 * 255 };
    unsigned char *tail = mem_alloc(TAIL_BYTES);
    uint64_t from = look->size > TAIL_BYTES ? look->size - TAIL_BYTES : 0;
    ssize_t n = pread(look->fd, tail, TAIL_BYTES, (off_t)from);
    ssize_t at = n - HEADER;

    while (at >= 0 && memcmp(tail + at, "OggS", 4) != 0)
        at--;
    ssize_t end = at < 0 ? 0 : at + HEADER + tail[at + HEADER - 1];
    for (ssize_t i = at + HEADER, entries = end; at >= 0 && i < entries && end <= n; i++)
        end += tail[i];
    mem_free(tail);
    return end > n ? CUT_SHORT : CUT_UNKNOWN;
}

enum cut cut_look(int fd)
{
    static const char *const first_boxes[] = {"ftyp", "moov", "mdat", "wide", "free",
                                              "skip", "pnot", "styp", "moof"};
    struct stat info;

    if (fstat(fd, &info) != 0)
        return CUT_UNKNOWN;
    struct look look = {.fd = fd, .size = (uint64_t)info.st_size};
    if (!look_at(&look, 0))
        return CUT_UNKNOWN;
    if (head_has(&look, 0, "RIFF", 4))
        return of_riffs(&look);
    if (head_has(&look, 0, "\x1a\x45\xdf\xa3", 4))
        return of_segment(&look);
    if (head_has(&look, 0, "OggS", 4))
        return of_pages(&look);
    for (size_t i = 0; i < sizeof(first_boxes) / sizeof(*first_boxes); i++)
        if (head_has(&look, 4, first_boxes[i], 4))
            return of_boxes(&look);
    return of_packets(&look);
}
