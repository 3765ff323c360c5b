#include "store/sniff.h"

#include <string.h>

struct magic {
    size_t offset;
    struct slice bytes;
    struct slice mime;
};

/* Formats that one run of bytes tells. */
static const struct magic magics[] = {
    {0, SLICE_INIT("\xff\xd8\xff"), SLICE_INIT("image/jpeg")},
    {0, SLICE_INIT("\x89PNG\r\n\x1a\n"), SLICE_INIT("image/png")},
    {0, SLICE_INIT("GIF87a"), SLICE_INIT("image/gif")},
    {0, SLICE_INIT("GIF89a"), SLICE_INIT("image/gif")},
    {0, SLICE_INIT("II*\0"), SLICE_INIT("image/tiff")},
    {0, SLICE_INIT("MM\0*"), SLICE_INIT("image/tiff")},
    {0, SLICE_INIT("\0\0\1\xba"), SLICE_INIT("video/mpeg")}, /* program stream: pack header */
    {0, SLICE_INIT("\0\0\1\xb3"), SLICE_INIT("video/mpeg")}, /* bare video: sequence header */
    {0, SLICE_INIT("fLaC"), SLICE_INIT("audio/flac")},
    {0, SLICE_INIT("ID3"), SLICE_INIT("audio/mpeg")},
};

/* Brands of ISO base media files (the register at mp4ra.org): major brand, or, where that only says
 * "some such file", one of the compatible ones. A prefix: "3gp" stands for 3gp4, 3gp5, ... */
struct brand {
    struct slice prefix;
    struct slice mime;
};

static const struct brand brands[] = {
    {SLICE_INIT("avif"), SLICE_INIT("image/avif")},
    {SLICE_INIT("avis"), SLICE_INIT("image/avif")},
    {SLICE_INIT("heic"), SLICE_INIT("image/heic")},
    {SLICE_INIT("heix"), SLICE_INIT("image/heic")},
    {SLICE_INIT("heim"), SLICE_INIT("image/heic")},
    {SLICE_INIT("heis"), SLICE_INIT("image/heic")},
    {SLICE_INIT("hevc"), SLICE_INIT("image/heic")},
    {SLICE_INIT("hevx"), SLICE_INIT("image/heic")},
    {SLICE_INIT("qt  "), SLICE_INIT("video/quicktime")},
    {SLICE_INIT("3gp"), SLICE_INIT("video/3gpp")},
    {SLICE_INIT("3ge"), SLICE_INIT("video/3gpp")},
    {SLICE_INIT("3gg"), SLICE_INIT("video/3gpp")},
    {SLICE_INIT("3g2"), SLICE_INIT("video/3gpp2")},
    {SLICE_INIT("mqt "), SLICE_INIT("video/quicktime")},
    {SLICE_INIT("M4A "), SLICE_INIT("audio/mp4")},
    {SLICE_INIT("M4B "), SLICE_INIT("audio/mp4")},
    {SLICE_INIT("M4P "), SLICE_INIT("audio/mp4")},
    {SLICE_INIT("F4A "), SLICE_INIT("audio/mp4")},
    {SLICE_INIT("F4B "), SLICE_INIT("audio/mp4")},
    {SLICE_INIT("M4V"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("mp41"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("mp42"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("mp71"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("iso"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("avc1"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("hvc1"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("dash"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("MSNV"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("XAVC"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("mmp4"), SLICE_INIT("video/mp4")},
    {SLICE_INIT("f4v "), SLICE_INIT("video/mp4")},
};

/* Major brands of files that list an mp4 brand but are none of ours: Canon's raw pictures. */
static const struct slice refused_brand = SLICE_INIT("crx ");

static bool bytes_at(struct slice head, size_t offset, struct slice bytes)
{
    return head.n >= offset + bytes.n && memcmp(head.p + offset, bytes.p, bytes.n) == 0;
}

static unsigned byte_at(struct slice head, size_t offset)
{
    return offset < head.n ? (unsigned char)head.p[offset] : 0;
}

static struct slice by_magic(struct slice head)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (bytes_at(head, magics[i].offset, magics[i].bytes))
            return magics[i].mime;
    return SLICE_NONE;
}

static struct slice by_riff(struct slice head)
{
    if (!bytes_at(head, 0, SLICE("RIFF")))
        return SLICE_NONE;
    if (bytes_at(head, 8, SLICE("WEBP")))
        return SLICE("image/webp");
    if (bytes_at(head, 8, SLICE("AVI ")))
        return SLICE("video/x-msvideo");
    return bytes_at(head, 8, SLICE("WAVE")) ? SLICE("audio/wav") : SLICE_NONE;
}

static struct slice brand_mime(struct slice head, size_t offset)
{
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (bytes_at(head, offset, brands[i].prefix))
            return brands[i].mime;
    return SLICE_NONE;
}

/* ISO 14496-12 section 4.2: a box begins with its size, itself included, and its type. */
static size_t box_bytes(struct slice head, size_t at)
{
    return (size_t)byte_at(head, at) << 24 | byte_at(head, at + 1) << 16 |
           byte_at(head, at + 2) << 8 | byte_at(head, at + 3);
}

static bool is_box(struct slice head, size_t at, const struct slice *types, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_at(head, at + 4, types[i]))
            return true;
    return false;
}

/* Boxes that hold a film or stand beside one: the brands before them may be of any maker, since
 * other families of files with brands have boxes of their own. */
static bool is_film_box(struct slice head, size_t at)
{
    static const struct slice types[] = {
        SLICE_INIT("moov"), SLICE_INIT("mdat"), SLICE_INIT("moof"), SLICE_INIT("sidx"),
        SLICE_INIT("styp"), SLICE_INIT("pdin"), SLICE_INIT("free"), SLICE_INIT("skip"),
        SLICE_INIT("wide"), SLICE_INIT("uuid"),
    };
    return is_box(head, at, types, sizeof types / sizeof *types);
}

/* Section 4.3: "ftyp", major brand, minor version, compatible brands. */
static struct slice by_brands(struct slice head, size_t at)
{
    size_t box = box_bytes(head, at);
    size_t end = box < head.n - at ? at + box : head.n;

    if (bytes_at(head, at + 8, refused_brand))
        return SLICE_NONE;
    struct slice mime = end >= at + 16 ? brand_mime(head, at + 8) : SLICE_NONE;
    for (size_t i = at + 16; mime.n == 0 && i + 4 <= end; i += 4)
        mime = brand_mime(head, i);
    return mime.n == 0 && box >= 16 && is_film_box(head, end) ? SLICE("video/mp4") : mime;
}

/* QuickTime from before ftyp, and what may stand in front of either: padding and the preview of a
 * film (QuickTime File Format, "Movie Resource Atoms" and "Preview Atoms"). */
static struct slice by_boxes(struct slice head)
{
    static const struct slice film[] = {SLICE_INIT("moov"), SLICE_INIT("mdat")};
    static const struct slice before[] = {SLICE_INIT("wide"), SLICE_INIT("free"),
                                          SLICE_INIT("skip"), SLICE_INIT("junk"),
                                          SLICE_INIT("pnot"), SLICE_INIT("PICT")};
    enum { PADDING_MAX_BYTES = 1 << 24 }; /* text in these places would claim far more */
    size_t at = 0;

    while (at + 8 <= head.n) {
        size_t box = box_bytes(head, at);

        if (bytes_at(head, at + 4, SLICE("ftyp")))
            return by_brands(head, at);
        if (is_box(head, at, film, sizeof film / sizeof *film))
            return SLICE("video/quicktime");
        if (!is_box(head, at, before, sizeof before / sizeof *before) || box < 8 ||
            box > PADDING_MAX_BYTES)
            return SLICE_NONE;
        at += box;
    }
    return at > 0 ? SLICE("video/quicktime") : SLICE_NONE;
}

/* RFC 8794 section 4: the number's length is told by its first set bit, which is none of it. */
static bool ebml_number(struct slice head, size_t *at, uint64_t *out)
{
    unsigned first = byte_at(head, *at), n = 1;

    while (n <= 8 && !(first & 0x80u >> (n - 1)))
        n++;
    if (n > 8 || *at + n > head.n)
        return false;
    *out = first & ((0x80u >> (n - 1)) - 1);
    for (unsigned i = 1; i < n; i++)
        *out = *out << 8 | byte_at(head, *at + i);
    *at += n;
    return true;
}

/* Section 11.2.4: DocType, which writers may pad with NUL. */
static struct slice doc_type(struct slice head)
{
    enum { DOC_TYPE = 0x282 }; /* 0x4282 without its length bit */
    uint64_t id, n, header_n;
    size_t at = 4;

    if (!ebml_number(head, &at, &header_n))
        return SLICE_NONE;
    while (ebml_number(head, &at, &id) && ebml_number(head, &at, &n) && n <= head.n - at) {
        struct slice text = {head.p + at, (size_t)n};

        while (text.n && text.p[text.n - 1] == '\0')
            text.n--;
        if (id == DOC_TYPE)
            return text;
        at += n;
    }
    return SLICE_NONE;
}

static struct slice by_ebml(struct slice head)
{
    if (!bytes_at(head, 0, SLICE("\x1a\x45\xdf\xa3")))
        return SLICE_NONE;
    struct slice type = doc_type(head);
    if (slice_eq(type, SLICE("webm")))
        return SLICE("video/webm");
    return slice_eq(type, SLICE("matroska")) ? SLICE("video/x-matroska") : SLICE_NONE;
}

/* RFC 3533: the first packet of the first stream stands right behind a page header of 27 bytes and
 * one lacing value, and names its codec. */
static struct slice by_ogg(struct slice head)
{
    enum { FIRST_PACKET = 28 };

    if (!bytes_at(head, 0, SLICE("OggS")))
        return SLICE_NONE;
    if (bytes_at(head, FIRST_PACKET, SLICE("\x80theora")) ||
        bytes_at(head, FIRST_PACKET, SLICE("fishead")))
        return SLICE("video/ogg");
    if (bytes_at(head, FIRST_PACKET, SLICE("\x01vorbis")) ||
        bytes_at(head, FIRST_PACKET, SLICE("OpusHead")) ||
        bytes_at(head, FIRST_PACKET,
                 SLICE("\x7f"
                       "FLAC")) ||
        bytes_at(head, FIRST_PACKET, SLICE("Speex   ")))
        return SLICE("audio/ogg");
    return SLICE_NONE;
}

/* ISO 13818-1: packets of 188 bytes that begin with 0x47; camcorders put 4 bytes of time before
 * each. Five in a row are no accident. */
static struct slice by_transport_stream(struct slice head)
{
    static const struct {
        size_t first, step;
    } layouts[] = {{0, 188}, {4, 192}};
    enum { IN_A_ROW = 5 };

    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
        size_t seen = 0;

        while (seen < IN_A_ROW && byte_at(head, layouts[l].first + seen * layouts[l].step) == 0x47)
            seen++;
        if (seen == IN_A_ROW)
            return SLICE("video/mp2t");
    }
    return SLICE_NONE;
}

/* Length of the MPEG layer III frame that begins at `at`, 0 when none does (ISO 11172-3 section
 * 2.4.2.3, 13818-3 for the low rates). */
static size_t mp3_frame_bytes(struct slice head, size_t at)
{
    static const unsigned kbits_v1[] = {0,   32,  40,  48,  56,  64,  80,  96,
                                        112, 128, 160, 192, 224, 256, 320, 0};
    static const unsigned kbits_v2[] = {0,  8,  16, 24,  32,  40,  48,  56,
                                        64, 80, 96, 112, 128, 144, 160, 0};
    static const unsigned hertz[] = {44100, 48000, 32000, 0};
    unsigned b1 = byte_at(head, at + 1), b2 = byte_at(head, at + 2);
    unsigned version = b1 >> 3 & 3, layer = b1 >> 1 & 3; /* 3, 2, 0: MPEG 1, 2, 2.5; layer III: 1 */

    if (byte_at(head, at) != 0xff || (b1 & 0xe0) != 0xe0 || version == 1 || layer != 1)
        return 0;
    unsigned rate = hertz[b2 >> 2 & 3];
    unsigned kbits = version == 3 ? kbits_v1[b2 >> 4] : kbits_v2[b2 >> 4];
    if (rate == 0 || kbits == 0)
        return 0;
    rate = version == 3 ? rate : version == 2 ? rate / 2 : rate / 4;
    return (version == 3 ? 144u : 72u) * kbits * 1000 / rate + (b2 >> 1 & 1);
}

/* Eleven set bits are weak evidence: the next frame must stand where the first one ends. */
static struct slice by_mp3_frames(struct slice head)
{
    size_t n = mp3_frame_bytes(head, 0);

    return n && mp3_frame_bytes(head, n) ? SLICE("audio/mpeg") : SLICE_NONE;
}

struct slice sniff_mime(struct slice head)
{
    static struct slice (*const tests[])(struct slice head) = {
        by_magic, by_riff, by_boxes, by_ebml, by_ogg, by_transport_stream, by_mp3_frames,
    };
    struct slice mime = SLICE_NONE;

    for (size_t i = 0; mime.n == 0 && i < sizeof tests / sizeof *tests; i++)
        mime = tests[i](head);
    return mime;
}

struct slice sniff_formats(void)
{
    return SLICE(
        "JPEG, PNG, GIF, TIFF, WebP, AVIF, HEIC; MP4, QuickTime, 3GP, WebM, Matroska, AVI, "
        "MPEG, Ogg; MP3, M4A, FLAC, WAV, Ogg audio");
}
