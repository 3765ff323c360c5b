/* Where files keep what their owner does not show: SECRET stands in places that cameras, phones and
 * programs are known to write to; PLAIN beside it has to stay. */
#include "base/text.h"
#include "decode/private.h"
#include "unit.h"

#define SECRET "Ada-BODY-77341"
#define PLAIN "Modell-7"
/* A list of slices for cat(). */
#define PARTS(...) ((const struct slice[]){__VA_ARGS__, SLICE_INIT(""), SLICE_NONE_INIT})
#define SLICE_NONE_INIT                                                                            \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
#define CAT(a, ...) cat(a, PARTS(__VA_ARGS__))

static struct slice cat(struct arena *arena, const struct slice *parts)
{
    struct buf buf;

    buf_init(&buf, 1 << 20);
    for (; parts->p; parts++)
        buf_add(&buf, *parts);
    struct slice all = arena_dup(arena, buf_slice(&buf));
    buf_fini(&buf);
    return all;
}

static struct slice number(struct arena *arena, uint64_t value, unsigned width, bool little_endian)
{
    char *p = arena_alloc(arena, width);

    for (unsigned i = 0; i < width; i++)
        p[i] = (char)(value >> (8 * (little_endian ? i : width - 1 - i)) & 0xff);
    return (struct slice){p, width};
}

static struct slice be32(struct arena *arena, uint64_t value)
{
    return number(arena, value, 4, false);
}

/* -- Metadata ---------------------------------------------------------------------------------- */

/* A directory with the model and the artist; behind it `rest`, which its third entry, a thumbnail,
 * points at. */
static struct slice tiff(struct arena *a, struct slice rest)
{
    struct slice model = SLICE(PLAIN "\0"), artist = SLICE(SECRET "\0");
    size_t at = 8 + 2 + 4 * 12 + 4;

    return CAT(a, SLICE("MM\0*\0\0\0\x08\0\x04\x01\x10\0\x02"), be32(a, model.n), be32(a, at),
               SLICE("\x01\x3b\0\x02"), be32(a, artist.n), be32(a, at + model.n),
               SLICE("\x02\x01\0\x04\0\0\0\x01"), be32(a, at + model.n + artist.n),
               SLICE("\x02\x02\0\x04\0\0\0\x01"), be32(a, rest.n), be32(a, 0), model, artist, rest);
}

static const struct slice xmp =
    SLICE_INIT("<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description xmlns:gpslog='http://" PLAIN
               "/' drone:GpsLatitude='" SECRET "' drone:DroneSerialNumber='" SECRET "'>"
               "<dc:Creator><rdf:li>" SECRET "</rdf:li></dc:Creator>"
               "<I:LocationShown I:Place='" SECRET "'/>"
               "<I:LocationCreated I:Place='" SECRET "'><I:x>" SECRET "</I:x></I:LocationCreated>"
               "<dc:title>" PLAIN "</dc:title></rdf:Description></x:xmpmeta>");

/* -- JPEG -------------------------------------------------------------------------------------- */

static struct slice segment(struct arena *a, unsigned marker, struct slice data)
{
    char head[] = {(char)0xff, (char)marker};

    return CAT(a, ((struct slice){head, 2}), number(a, data.n + 2, 2, false), data);
}

static struct slice jpeg(struct arena *a, struct slice segments, struct slice tail)
{
    return CAT(a, SLICE("\xff\xd8"), segments, SLICE("\xff\xda\0\x02" PLAIN "\xff\0\xff\xd9"),
               tail);
}

static struct slice exif_jpeg(struct arena *a)
{
    struct slice exif = CAT(a, SLICE("Exif\0\0"), tiff(a, SLICE("")));

    return jpeg(a, segment(a, 0xe1, exif), SLICE(""));
}

static struct slice exif_behind_other_heads(struct arena *a)
{
    struct slice exif = tiff(a, SLICE(""));

    return jpeg(a,
                CAT(a, segment(a, 0xe1, CAT(a, SLICE("Exif\0\0"), exif)),
                    segment(a, 0xe1, CAT(a, SLICE("\0Exif\0\0"), exif)),
                    segment(a, 0xe1, CAT(a, SLICE("exif\0\0"), exif)),
                    segment(a, 0xe1, CAT(a, SLICE("XMP\0://ns.adobe.com/xap/1.0/\0"), xmp))),
                SLICE(""));
}

static struct slice segments_of_programs(struct arena *a)
{
    return jpeg(
        a,
        CAT(a, segment(a, 0xe0, SLICE("JFIF\0" PLAIN)),
            segment(a, 0xe0, SLICE("II\x1a\0\0\0HEAPJPGM" SECRET)),
            segment(a, 0xe2, SLICE("ICC_PROFILE\0" PLAIN)),
            segment(a, 0xe6, SLICE("GoPro\0DEVC" SECRET)), segment(a, 0xeb, SLICE("JP\0\1" SECRET)),
            segment(a, 0xed, SLICE("Adobe_CM" SECRET)), segment(a, 0xee, SLICE("Adobe" PLAIN))),
        SLICE(""));
}

static struct slice xmp_of_drones(struct arena *a)
{
    struct slice packet = CAT(a, SLICE("http://ns.adobe.com/xap/1.0/\0"), xmp);

    return jpeg(a, segment(a, 0xe1, packet), SLICE(""));
}

static struct slice more_pictures(struct arena *a)
{
    return jpeg(a, segment(a, 0xe2, SLICE("MPF\0" PLAIN)),
                CAT(a, SLICE("\0\0\0"), exif_jpeg(a), SLICE(SECRET), exif_jpeg(a)));
}

static struct slice a_thumbnail_with_exif(struct arena *a)
{
    struct slice exif = CAT(a, SLICE("Exif\0\0"), tiff(a, exif_jpeg(a)));

    return jpeg(a, segment(a, 0xe1, exif), SLICE(""));
}

/* Each in the metadata of the one before. */
static struct slice thumbnails_without_end(struct arena *a)
{
    struct slice picture = exif_jpeg(a);

    for (unsigned i = 0; i < 200; i++)
        picture = jpeg(a, segment(a, 0xe1, CAT(a, SLICE("Exif\0\0"), tiff(a, picture))), SLICE(""));
    return picture;
}

static struct slice notes_behind_a_picture(struct arena *a)
{
    return jpeg(a, SLICE(""), SLICE("\0\0\1\x0a\x0e\0\0\0Image_UTC_Data" SECRET "SEFHSEFT"));
}

/* -- PNG, WebP, GIF ---------------------------------------------------------------------------- */

static struct slice chunk(struct arena *a, struct slice type, struct slice data)
{
    struct slice body = CAT(a, type, data);

    return CAT(a, be32(a, data.n), body, be32(a, text_crc32(body)));
}

static struct slice png(struct arena *a)
{
    struct slice end = chunk(a, SLICE("IEND"), SLICE("")), exif = tiff(a, SLICE(""));

    return CAT(a, SLICE("\x89PNG\r\n\x1a\n"), chunk(a, SLICE("IHDR"), SLICE("0123456789abc")),
               chunk(a, SLICE("caBX"), SLICE(SECRET)), chunk(a, SLICE("IDAT"), SLICE(PLAIN)),
               chunk(a, SLICE("eXIf"), exif), chunk(a, SLICE("zxIf"), exif),
               chunk(a, SLICE("iTXt"), CAT(a, SLICE("XML:com.adobe.xmp\0\0\0\0\0"), xmp)),
               chunk(a, SLICE("tEXt"), SLICE("Author\0" SECRET)),
               chunk(a, SLICE("tEXt"), SLICE("Title\0" PLAIN)), end,
               chunk(a, SLICE("tEXt"), SLICE("Title\0" SECRET)), exif_jpeg(a));
}

static struct slice riff(struct arena *a, struct slice type, struct slice data)
{
    return CAT(a, type, number(a, data.n, 4, true), data, data.n & 1 ? SLICE("\0") : SLICE(""));
}

static struct slice webp(struct arena *a)
{
    struct slice exif = tiff(a, SLICE(""));
    struct slice chunks = CAT(
        a, SLICE("WEBP"), riff(a, SLICE("VP8 "), SLICE(PLAIN)), riff(a, SLICE("EXIF"), exif),
        riff(a, SLICE("EXIF"), CAT(a, SLICE("Exif\0\0"), exif)), riff(a, SLICE("XMP "), xmp),
        riff(a, SLICE("LIST"), SLICE("INFOIART" SECRET)), riff(a, SLICE("C2PA"), SLICE(SECRET)));

    return CAT(a, riff(a, SLICE("RIFF"), chunks), SLICE(SECRET));
}

static struct slice gif(struct arena *a)
{
    return CAT(a, SLICE("GIF89a" PLAIN "!\xff\x0bXMP DataXMP"), xmp, SLICE("\0;"));
}

static struct slice avi(struct arena *a)
{
    struct slice stream = CAT(a, SLICE("strl"), riff(a, SLICE("strh"), SLICE(PLAIN)),
                              riff(a, SLICE("strd"), SLICE(SECRET)));
    struct slice head = CAT(a, SLICE("hdrl"), riff(a, SLICE("LIST"), stream));
    struct slice chunks =
        CAT(a, SLICE("AVI "), riff(a, SLICE("LIST"), head),
            riff(a, SLICE("LIST"), SLICE("INFOIART" SECRET)),
            riff(a, SLICE("LIST"), SLICE("ncdt" SECRET)), riff(a, SLICE("JUNK"), SLICE(SECRET)),
            riff(a, SLICE("_PMX"), xmp), riff(a, SLICE("LIST"), SLICE("movi" PLAIN)));

    return CAT(
        a, riff(a, SLICE("RIFF"), chunks),
        riff(a, SLICE("RIFF"), CAT(a, SLICE("AVIX"), riff(a, SLICE("GPS "), SLICE(SECRET)))));
}

static struct slice element(struct arena *a, struct slice id, struct slice data)
{
    return CAT(a, id, SLICE("\x08"), number(a, data.n, 4, false), data);
}

/* As it is recorded: segment and clusters have no size. */
static struct slice matroska(struct arena *a)
{
    static const struct slice tags = SLICE_INIT("\x12\x54\xc3\x67");

    return CAT(a, element(a, SLICE("\x1a\x45\xdf\xa3"), SLICE("matroska")),
               SLICE("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"),
               element(a, tags, SLICE(SECRET)), element(a, SLICE("\xec"), SLICE(SECRET)),
               SLICE("\x1f\x43\xb6\x75\xff"), element(a, SLICE("\xa3"), SLICE(PLAIN)),
               element(a, tags, CAT(a, xmp, SLICE(SECRET))), element(a, tags, SLICE("\xff")));
}

/* -- TIFF -------------------------------------------------------------------------------------- */

static struct slice raw_with_preview(struct arena *a)
{
    return tiff(a, exif_jpeg(a));
}

/* -- Boxes ------------------------------------------------------------------------------------- */

static struct slice box(struct arena *a, struct slice type, struct slice body)
{
    return CAT(a, be32(a, body.n + 8), type, body);
}

static struct slice full(struct arena *a, struct slice type, struct slice body)
{
    return box(a, type, CAT(a, SLICE("\0\0\0\0"), body));
}

static struct slice handler(struct arena *a, struct slice type)
{
    return full(a, SLICE("hdlr"),
                CAT(a, SLICE("\0\0\0\0"), type, SLICE("\0\0\0\0\0\0\0\0\0\0\0\0")));
}

static struct slice key(struct arena *a, struct slice name)
{
    return CAT(a, be32(a, 8 + name.n), SLICE("mdta"), name);
}

static struct slice value(struct arena *a, unsigned index, struct slice text)
{
    struct slice data = box(a, SLICE("data"), CAT(a, SLICE("\0\0\0\1\0\0\0\0"), text));

    return box(a, be32(a, index), data);
}

static struct slice keys(struct arena *a)
{
    struct slice names = CAT(a, key(a, SLICE("com.apple.quicktime.location.ISO6709")),
                             key(a, SLICE("com.apple.quicktime.model")), key(a, SLICE("my.own")));
    struct slice values =
        CAT(a, value(a, 1, SLICE(SECRET)), value(a, 2, SLICE(PLAIN)), value(a, 3, SLICE(SECRET)),
            box(a, SLICE("apID"), box(a, SLICE("data"), SLICE("\0\0\0\1\0\0\0\0" SECRET))));

    return box(a, SLICE("meta"),
               CAT(a, handler(a, SLICE("mdta")),
                   full(a, SLICE("keys"), CAT(a, SLICE("\0\0\0\3"), names)),
                   box(a, SLICE("ilst"), values)));
}

static struct slice user_data(struct arena *a)
{
    return box(a, SLICE("udta"),
               CAT(a, box(a, SLICE("\xa9xyz"), SLICE("\0\x0e\x15\xc7" SECRET)),
                   box(a, SLICE("XMP_"), xmp), box(a, SLICE("\xa9mod"), SLICE("\0\x08\0\0" PLAIN)),
                   keys(a)));
}

/* A track of one sample of `n` bytes at `at`; what is private stands at every level. */
static struct slice track(struct arena *a, struct slice type, uint64_t at, uint64_t n)
{
    struct slice table = CAT(a, full(a, SLICE("stsc"), SLICE("\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1")),
                             full(a, SLICE("stsz"), CAT(a, SLICE("\0\0\0\0\0\0\0\1"), be32(a, n))),
                             full(a, SLICE("stco"), CAT(a, SLICE("\0\0\0\1"), be32(a, at))));
    struct slice media = CAT(a, handler(a, type), user_data(a), keys(a),
                             box(a, SLICE("minf"), box(a, SLICE("stbl"), table)));

    return box(a, SLICE("trak"), CAT(a, keys(a), box(a, SLICE("mdia"), media)));
}

/* ftyp and mdat, whose text stands at 24. */
static struct slice movie_with(struct arena *a, struct slice type, struct slice sample)
{
    return CAT(a, box(a, SLICE("ftyp"), SLICE("isom\0\0\0\0")), box(a, SLICE("mdat"), sample),
               box(a, SLICE("moov"), CAT(a, track(a, type, 24, sample.n), user_data(a), keys(a))));
}

static struct slice movie(struct arena *a)
{
    static const struct slice uuid_xmp =
        SLICE_INIT("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac");

    return CAT(a, movie_with(a, SLICE("vide"), SLICE(PLAIN)), user_data(a), keys(a),
               box(a, SLICE("uuid"), CAT(a, uuid_xmp, xmp)),
               box(a, SLICE("uuid"), CAT(a, SLICE("JpgTiffExif->JP2"), tiff(a, SLICE("")))),
               box(a, SLICE("sefd"), SLICE(SECRET)),
               SLICE(SECRET "8db42d694ccc418790edff439fe026bf"));
}

static struct slice measurements(struct arena *a)
{
    return movie_with(a, SLICE("meta"), SLICE(SECRET));
}

static struct slice subtitles_of_drones(struct arena *a)
{
    return movie_with(a, SLICE("text"), SLICE("F/2.8, GPS (" SECRET ")"));
}

static struct slice subtitles(struct arena *a)
{
    return movie_with(a, SLICE("text"), SLICE(PLAIN));
}

static struct slice blocks_of_dash_cams(struct arena *a)
{
    struct slice movie = movie_with(a, SLICE("vide"),
                                    SLICE("\0\0\0\x20"
                                          "freeGPS " SECRET));
    struct slice list = CAT(a, SLICE("\0\0\1\1\0\0\0\1"), be32(a, 24), be32(a, 12 + sizeof SECRET));

    return CAT(a, movie, box(a, SLICE("moov"), box(a, SLICE("gps "), list)));
}

static struct slice motion_photo(struct arena *a)
{
    return jpeg(a, SLICE(""), CAT(a, SLICE("MotionPhoto_Data" SECRET), movie(a)));
}

static struct slice heic_with_motion(struct arena *a)
{
    return CAT(a, box(a, SLICE("ftyp"), SLICE("heic\0\0\0\0")), box(a, SLICE("mpvd"), movie(a)));
}

static struct slice measurements_in_fragments(struct arena *a)
{
    return CAT(a, measurements(a), box(a, SLICE("moof"), box(a, SLICE("traf"), SLICE(""))),
               box(a, SLICE("mdat"), SLICE(SECRET)));
}

static struct slice item_of_a_large_number(struct arena *a)
{
    struct slice item = SLICE("\3\0\0\0\0\1\0\0\0\0Exif\0");
    struct slice items = CAT(a, SLICE("\0\1"), box(a, SLICE("infe"), item));
    struct slice meta = CAT(a, handler(a, SLICE("pict")), full(a, SLICE("iinf"), items),
                            full(a, SLICE("iloc"), SLICE("\x44\0\0\0")));

    return CAT(a, box(a, SLICE("ftyp"), SLICE("heic\0\0\0\0")), full(a, SLICE("meta"), meta));
}

static struct slice big_tiff(struct arena *a)
{
    return SLICE("MM\0+\0\x08\0\0" SECRET);
}

/* -- The tests --------------------------------------------------------------------------------- */

static bool stands_in(struct slice text, struct slice word)
{
    return memmem(text.p, text.n, word.p, word.n) != NULL;
}

/* How often PLAIN stands there. */
static unsigned plain_count(struct slice text)
{
    unsigned n = 0;
    const char *found;

    while ((found = memmem(text.p, text.n, PLAIN, sizeof PLAIN - 1)) != NULL) {
        text = slice_from_offset(text, (size_t)(found - text.p) + 1);
        n++;
    }
    return n;
}

static void test_what_is_not_shown(void **state)
{
#define CASE(fn, lost)                                                                             \
    {                                                                                              \
#fn, fn, lost                                                                              \
    }
    static const struct {
        const char *name;
        struct slice (*make)(struct arena *arena);
        unsigned lost; /* PLAINs, where nobody looks into what is blanked */
    } cases[] = {
        CASE(exif_jpeg, 0),
        CASE(exif_behind_other_heads, 4),
        CASE(segments_of_programs, 0),
        CASE(xmp_of_drones, 0),
        CASE(more_pictures, 0),
        CASE(a_thumbnail_with_exif, 0),
        CASE(notes_behind_a_picture, 0),
        CASE(png, 3),
        CASE(webp, 0),
        CASE(gif, 0),
        CASE(avi, 0),
        CASE(matroska, 2),
        CASE(raw_with_preview, 0),
        CASE(movie, 1),
        CASE(measurements, 0),
        CASE(subtitles, 0),
        CASE(subtitles_of_drones, 0),
        CASE(blocks_of_dash_cams, 0),
        CASE(motion_photo, 1),
        CASE(heic_with_motion, 1),
    };
#undef CASE

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena = arena_new();
        struct slice file = cases[i].make(arena);
        char *shown = arena_cstr(arena, file);
        struct mask mask;

        mask_init(&mask, arena);
        if (!private_find(file, &mask))
            fail_msg("%s has no mask", cases[i].name);
        mask_apply(&mask, 0, shown, file.n);
        if (stands_in((struct slice){shown, file.n}, SLICE(SECRET)))
            fail_msg("%s shows it", cases[i].name);
        unsigned left = plain_count((struct slice){shown, file.n});
        if (plain_count(file) != left + cases[i].lost)
            fail_msg("%s: %u of %u are left", cases[i].name, left, plain_count(file));
        arena_free(arena);
    }
}

static void test_checksums_are_those_of_what_is_shown(void **state)
{
    struct arena *arena = arena_new();
    struct slice file = png(arena);
    char *shown = arena_cstr(arena, file);
    struct mask mask;
    size_t at = 8, chunks = 0;

    mask_init(&mask, arena);
    assert_true(private_find(file, &mask));
    mask_apply(&mask, 0, shown, file.n);
    for (bool last = false; !last; chunks++) {
        const unsigned char *head = (const unsigned char *)shown + at;
        size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        struct slice body = {shown + at + 4, n + 4};

        assert_memory_equal(body.p + body.n, be32(arena, text_crc32(body)).p, 4);
        last = memcmp(body.p, "IEND", 4) == 0;
        at += 12 + n;
    }
    assert_int_equal(chunks, 9);
    arena_free(arena);
}

static void test_what_nobody_can_tell(void **state)
{
    static struct slice (*const cases[])(struct arena * arena) = {measurements_in_fragments,
                                                                  item_of_a_large_number, big_tiff};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena = arena_new();
        struct mask mask;

        mask_init(&mask, arena);
        if (private_find(cases[i](arena), &mask))
            fail_msg("case %zu has a mask", i);
        arena_free(arena);
    }
}

static void test_pictures_in_pictures_end(void **state)
{
    struct arena *arena = arena_new();
    struct slice file = thumbnails_without_end(arena);
    char *shown = arena_cstr(arena, file);
    struct mask mask;

    mask_init(&mask, arena);
    assert_true(private_find(file, &mask));
    mask_apply(&mask, 0, shown, file.n);
    assert_false(stands_in((struct slice){shown, file.n}, SLICE(SECRET)));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_shown),
        cmocka_unit_test(test_checksums_are_those_of_what_is_shown),
        cmocka_unit_test(test_what_nobody_can_tell),
        cmocka_unit_test(test_pictures_in_pictures_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
