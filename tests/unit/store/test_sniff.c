#include "unit.h"

#include "store/sniff.h"

#include <stdio.h>
#include <string.h>

#define OGG "OggS\0\2\0\0\0\0\0\0\0\0abcd\0\0\0\0wxyz\1\x2a"

struct row {
    struct slice head;
    const char *mime; /* "": refused */
};

static const struct row rows[] = {
    {SLICE_INIT("\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg"},
    {SLICE_INIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png"},
    {SLICE_INIT("\x89PNG\n\x1a\n"), ""}, /* damaged by a text-mode transfer */
    {SLICE_INIT("GIF89a\1\0\1\0"), "image/gif"},
    {SLICE_INIT("GIF88a\1\0\1\0"), ""},
    {SLICE_INIT("RIFF\x10\0\0\0WEBPVP8 "), "image/webp"},
    {SLICE_INIT("RIFF\x10\0\0\0AVI LIST"), "video/x-msvideo"},
    {SLICE_INIT("RIFF\x10\0\0\0WAVEfmt "), "audio/wav"},
    {SLICE_INIT("RIFF\x10\0\0\0ACONanih"), ""},
    {SLICE_INIT("II*\0\x08\0\0\0"), "image/tiff"},
    {SLICE_INIT("MM\0*\0\0\0\x08"), "image/tiff"},
    {SLICE_INIT("\0\0\0\x20"
                "ftypheic\0\0\0\0mif1heic"),
     "image/heic"},
    {SLICE_INIT("\0\0\0\x1c"
                "ftypmif1\0\0\0\0mif1avifmiaf"),
     "image/avif"},
    {SLICE_INIT("\0\0\0\x18"
                "ftypmif1\0\0\0\0mif1heic"),
     "image/heic"},
    {SLICE_INIT("\0\0\0\x14"
                "ftypavis\0\0\0\0avis"),
     "image/avif"},
    {SLICE_INIT("\0\0\0\x20"
                "ftypisom\0\0\2\0isomiso2avc1mp41"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x18"
                "ftypmp42\0\0\0\0isommp42"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x14"
                "ftypqt  \0\0\2\0qt  "),
     "video/quicktime"},
    {SLICE_INIT("\0\0\0\x18"
                "ftyp3gp4\0\0\2\0isom3gp4"),
     "video/3gpp"},
    {SLICE_INIT("\0\0\0\x18"
                "ftypM4A \0\0\2\0isomiso2"),
     "audio/mp4"},
    {SLICE_INIT("\0\0\0\x18"
                "ftypcrx \0\0\0\1crx isom"),
     ""},
    {SLICE_INIT("\0\0\0\x14"
                "ftypjp2 \0\0\0\0jp2 "),
     ""},
    {SLICE_INIT("\0\0\0\x10"
                "ftypxxxx\0\0\0\0isom"),
     ""}, /* the brand stands past the box */
    {SLICE_INIT("\0\0\0\x08"
                "ftypisom"),
     ""},
    {SLICE_INIT("\0\0\0\x08"
                "wide\0\0\0\0mdat"),
     "video/quicktime"},
    {SLICE_INIT("\0\0\0\x0c"
                "skip1234\0\0\1\0moov"),
     "video/quicktime"},
    {SLICE_INIT("\0\0\0\x0a"
                "free12\0\0\0\x14"
                "ftypmp42\0\0\0\0isom"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x14pnot\xb0\0\0\0\0\0PICT\0\1\0\0\0\x0aPICT12\0\0\1\0mdat"),
     "video/quicktime"},
    {SLICE_INIT("\0\0\x20\0"
                "free and what follows is out of sight"),
     "video/quicktime"},
    {SLICE_INIT("The free encyclopaedia"), ""},
    {SLICE_INIT("\0\0\0\4free\0\0\0\x08moov"), ""},
    {SLICE_INIT("\0\0\0\x0c"
                "skip1234\0\0\1\0what"),
     ""},
    /* brands of one maker, with nothing better beside them */
    {SLICE_INIT("\0\0\0\x14"
                "ftypniko\0\0\0\0niko\0\0\1\0moov"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x10"
                "ftypcaqv\0\0\0\0\0\0\1\0mdat"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x10"
                "ftypdby1\0\0\0\0\0\0\0\x08"
                "free"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x10"
                "ftypisml\0\0\0\0\0\0\1\0moof"),
     "video/mp4"},
    {SLICE_INIT("\0\0\0\x10"
                "ftypzzzz\0\0\0\0\0\0\1\0meta"),
     ""},
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm\x42\x87"), "video/webm"},
    {SLICE_INIT("\x1a\x45\xdf\xa3\xa3\x42\x86\x81\1\x42\x82\x88matroska"), "video/x-matroska"},
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84wobm"), ""},
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x85webm\0\x42\x87"), "video/webm"},
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x8amatroska\0\0\x42\x87"),
     "video/x-matroska"},
    {SLICE_INIT("\x1a\x45\xdf\xa3\1\0\0\0\0\0\0\x1f\x42\x82\x40\x08matroska"),
     "video/x-matroska"}, /* lengths in more bytes than they need */
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x82\x88matro"), ""},
    {SLICE_INIT("\x1a\x45\xdf\xa3\x9f\x42\x82\0matroska"), ""},
    {SLICE_INIT(OGG "\x80theora\3\2"), "video/ogg"},
    {SLICE_INIT(OGG "\1vorbis\0"), "audio/ogg"},
    {SLICE_INIT(OGG "OpusHead\1"), "audio/ogg"},
    {SLICE_INIT(OGG "unknown!"), ""},
    {SLICE_INIT("\0\0\1\xba\x44\0\4"), "video/mpeg"},
    {SLICE_INIT("fLaC\0\0\0\x22"), "audio/flac"},
    {SLICE_INIT("ID3\3\0\0\0"), "audio/mpeg"},
    {SLICE_INIT("\xff\xfb\x90\x64 one frame without a second"), ""},
    {SLICE_INIT("#EXTM3U\n#EXT-X-VERSION:3\n"), ""}, /* a playlist names other files */
    {SLICE_INIT("<?xml version=\"1.0\"?><svg "), ""},
    {SLICE_INIT("%PDF-1.4"), ""},
    {SLICE_INIT("PK\3\4\x14\0"), ""},
    {SLICE_INIT("\xff\xd8"), ""},
    {SLICE_INIT(""), ""},
};

static void expect(struct slice head, const char *mime)
{
    struct slice got = sniff_mime(head);

    if (!slice_eq(got, slice_from(mime)))
        fail_msg("\"%.*s\": %.*s, not %s", SLICE_ARG(head), SLICE_ARG(got), mime);
}

static void test_first_bytes(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(rows[i].head, rows[i].mime);
}

static void test_transport_streams(void **state)
{
    char bytes[1024] = {0};

    for (size_t i = 0; i < 5; i++)
        bytes[i * 188] = 0x47;
    expect((struct slice){bytes, sizeof bytes}, "video/mp2t");
    bytes[3 * 188] = 0;
    expect((struct slice){bytes, sizeof bytes}, "");

    memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < 5; i++)
        bytes[4 + i * 192] = 0x47;
    expect((struct slice){bytes, sizeof bytes}, "video/mp2t");
}

/* 128 kbit/s at 44.1 kHz: 417 bytes a frame, 418 with padding. */
static void test_mp3_wants_two_frames(void **state)
{
    char bytes[1024] = {0};

    memcpy(bytes, "\xff\xfb\x90\x64", 4);
    memcpy(bytes + 417, "\xff\xfb\x92\x64", 4);
    expect((struct slice){bytes, sizeof bytes}, "audio/mpeg");
    expect((struct slice){bytes, 417}, "");
    bytes[2] = (char)0x92;
    expect((struct slice){bytes, sizeof bytes}, "");
}

/* Real files; skipped one by one where the package is not installed. */
static void test_real_files(void **state)
{
#define SAMPLES "/usr/share/forensics-samples/original-files/"
    static const struct {
        const char *path, *mime;
    } files[] = {
        {SAMPLES "pic1/IMG_20200827_231612.jpg", "image/jpeg"},
        {SAMPLES "pic1/debian.png", "image/png"},
        {SAMPLES "audio1/debian.mp3", "audio/mpeg"},
        {SAMPLES "audio1/debian.ogg", "audio/ogg"},
        {SAMPLES "audio1/debian.wav", "audio/wav"},
        {SAMPLES "pic1/debian.xcf", ""},
        {SAMPLES "text1/a-text.docx", ""},
        {SAMPLES "movie1/VID_20191220_170832.mp4", "video/mp4"},
        {SAMPLES "movie2/movie-hello.mp4", "video/mp4"},
        {SAMPLES "movie2/movie-hello.avi", "video/x-msvideo"},
        {SAMPLES "movie2/movie-hello.mpeg", "video/mpeg"},
        {SAMPLES "movie2/movie-hello.ogg", "video/ogg"},
        {"/usr/share/doc/opencv-doc/examples/data/vtest.avi", "video/x-msvideo"},
        {"/etc/passwd", ""},
    };
    static char head[SNIFF_BYTES];

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        FILE *file = fopen(files[i].path, "rb");

        if (!file)
            continue;
        expect((struct slice){head, fread(head, 1, sizeof head, file)}, files[i].mime);
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_bytes),
        cmocka_unit_test(test_transport_streams),
        cmocka_unit_test(test_mp3_wants_two_frames),
        cmocka_unit_test(test_real_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
