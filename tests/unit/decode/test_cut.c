/* Files that end before their own structure does, and those that only look like it. */
#include "decode/cut.h"
#include "unit.h"

#include "base/slice.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FTYP                                                                                       \
    "\0\0\0\x10"                                                                                   \
    "ftypisom\0\0\0\0"
#define SEGMENT                                                                                    \
    "\x1a\x45\xdf\xa3\x84"                                                                         \
    "abcd"                                                                                         \
    "\x18\x53\x80\x67"
#define PAGE "OggS\0\4\0\0\0\0\0\0\0\0abcd\0\0\0\0wxyz"

struct row {
    const char *what;
    struct slice bytes;
    enum cut cut;
};

static const struct row rows[] = {
    {"whole boxes", SLICE_INIT(FTYP "\0\0\0\x0cmdat1234"), CUT_WHOLE},
    {"a short box", SLICE_INIT(FTYP "\0\0\0\x0dmdat1234"), CUT_SHORT},
    {"a box up to the end", SLICE_INIT(FTYP "\0\0\0\0mdat1234"), CUT_WHOLE},
    {"a long size, whole", SLICE_INIT(FTYP "\0\0\0\1mdat\0\0\0\0\0\0\0\x12xy"), CUT_WHOLE},
    {"a long size, short", SLICE_INIT(FTYP "\0\0\0\1mdat\0\0\0\0\0\0\0\x13xy"), CUT_SHORT},
    {"a size that is none", SLICE_INIT(FTYP "\0\0\0\4mdat1234"), CUT_WHOLE},
    {"a size past all", SLICE_INIT(FTYP "\0\0\0\1mdat\xff\xff\xff\xff\xff\xff\xff\xffxy"),
     CUT_SHORT},
    {"zeros behind the last box", SLICE_INIT(FTYP "\0\0\0\0\0\0\0\0"), CUT_WHOLE},
    {"noise behind the last box", SLICE_INIT(FTYP "\x7f\1\2\3\4\5\6\7\x08"), CUT_WHOLE},
    {"short padding", SLICE_INIT(FTYP "\0\0\1\0free"), CUT_WHOLE},
    {"a whole RIFF", SLICE_INIT("RIFF\x06\0\0\0AVI 12"), CUT_WHOLE},
    {"a short RIFF", SLICE_INIT("RIFF\x07\0\0\0AVI 12"), CUT_SHORT},
    {"a second RIFF, short", SLICE_INIT("RIFF\x04\0\0\0AVI RIFF\x10\0\0\0AVIX"), CUT_SHORT},
    {"a RIFF that was never closed", SLICE_INIT("RIFF\0\0\0\0AVI 12"), CUT_UNKNOWN},
    {"a RIFF from a pipe", SLICE_INIT("RIFF\xff\xff\xff\xffWAVE12"), CUT_UNKNOWN},
    {"a whole segment",
     SLICE_INIT(SEGMENT "\x84"
                        "1234"),
     CUT_WHOLE},
    {"a short segment",
     SLICE_INIT(SEGMENT "\x85"
                        "1234"),
     CUT_SHORT},
    {"a segment of eight bytes' size",
     SLICE_INIT(SEGMENT "\1\0\0\0\0\0\0\5"
                        "1234"),
     CUT_SHORT},
    {"a segment of unknown size",
     SLICE_INIT(SEGMENT "\xff"
                        "1234"),
     CUT_UNKNOWN},
    {"no segment",
     SLICE_INIT("\x1a\x45\xdf\xa3\x84"
                "abcdefghijkl"),
     CUT_UNKNOWN},
    {"a whole page",
     SLICE_INIT(PAGE "\2\3\1"
                     "1234"),
     CUT_UNKNOWN},
    {"a short page",
     SLICE_INIT(PAGE "\2\3\2"
                     "1234"),
     CUT_SHORT},
    {"a page cut in its table", SLICE_INIT(PAGE "\x09\3"), CUT_SHORT},
    {"text", SLICE_INIT("once upon a time"), CUT_UNKNOWN},
    {"nothing", SLICE_INIT(""), CUT_UNKNOWN},
};

static enum cut look_at(struct slice bytes)
{
    int fd = memfd_create("cut", MFD_CLOEXEC);

    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
    lseek(fd, 3, SEEK_SET);
    enum cut cut = cut_look(fd);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
    close(fd);
    return cut;
}

static void test_structures(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum cut cut = look_at(rows[i].bytes);

        if (cut != rows[i].cut)
            fail_msg("%s: %d", rows[i].what, (int)cut);
    }
}

static void test_packets(void **state)
{
    char bytes[7 * 188] = {0};

    for (size_t i = 0; i < 7; i++)
        bytes[i * 188] = 0x47;
    assert_int_equal(look_at((struct slice){bytes, sizeof(bytes)}), CUT_UNKNOWN);
    assert_int_equal(look_at((struct slice){bytes, sizeof(bytes) - 100}), CUT_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
