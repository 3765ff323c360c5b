/* What metadata says, where it stands in a file, and that nothing outside of it is read. */
#include "decode/blocks.h"
#include "decode/exif.h"
#include "decode/metadata.h"
#include "decode/profile.h"
#include "decode/tiff.h"
#include "decode/xmp.h"
#include "unit.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(arena);
    return 0;
}

/* The texts of a file that may have NULs in them, in memory of their own size, so that whoever
 * reads past the end is caught. */
#define BYTES(literal) copy(SLICE(literal))

static struct slice copy(struct slice s)
{
    return arena_dup(arena, s);
}

static struct slice concat(struct slice a, struct slice b)
{
    char *bytes = arena_alloc(arena, a.n + b.n);

    memcpy(bytes, a.p, a.n);
    memcpy(bytes + a.n, b.p, b.n);
    return (struct slice){bytes, a.n + b.n};
}

/* One directory: make "Foto", orientation 6. */
#define LITTLE                                                                                     \
    "II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x05\0\0\0\x26\0\0\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"    \
    "\0\0\0\0Foto\0"
#define BIG                                                                                        \
    "MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x05\0\0\0\x26\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"    \
    "\0\0\0\0Foto\0"
#define BIGTIFF                                                                                    \
    "II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"                                          \
    "\x0f\x01\x02\0\x05\0\0\0\0\0\0\0Foto\0\0\0\0"                                                 \
    "\x12\x01\x03\0\x01\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static struct found read_file(struct slice file)
{
    struct found found;

    found_init(&found, arena);
    metadata_read(&found, copy(file));
    return found;
}

static void expect_foto(const char *what, struct slice file)
{
    struct found found = read_file(file);

    if (!slice_eq(found.metadata.camera, SLICE("Foto")) || found.orientation != 6)
        fail_msg("%s: %.*s %u", what, SLICE_ARG(found.metadata.camera), found.orientation);
}

static struct slice in_png(const char *type, struct slice data)
{
    char head[8] = {0, 0, (char)(data.n >> 8), (char)data.n};

    memcpy(head + 4, type, 4);
    struct slice chunk = concat((struct slice){head, 8}, data);
    return concat(SLICE("\x89PNG\r\n\x1a\n"), concat(chunk, SLICE("crc.")));
}

static struct slice in_webp(struct slice data)
{
    char head[20] = "RIFF....WEBPEXIF";

    head[16] = (char)data.n;
    head[17] = head[18] = head[19] = 0;
    return concat((struct slice){head, 20}, concat(data, SLICE("\0")));
}

static struct slice in_segment(struct slice data)
{
    char head[4] = {'\xff', '\xe1', (char)((data.n + 2) >> 8), (char)(data.n + 2)};

    return concat((struct slice){head, 4}, data);
}

static void test_places_of_exif(void **state)
{
    struct slice prefixed = concat(SLICE("Exif\0\0"), SLICE(LITTLE));
    struct slice first = concat(SLICE("Exif\0\0"), (struct slice){LITTLE, 20});
    struct slice second =
        concat(SLICE("Exif\0\0"), (struct slice){LITTLE + 20, sizeof LITTLE - 1 - 20});

    expect_foto("TIFF", SLICE(LITTLE));
    expect_foto("TIFF, big endian", SLICE(BIG));
    expect_foto("BigTIFF", SLICE(BIGTIFF));
    expect_foto("PNG", in_png("eXIf", SLICE(LITTLE)));
    expect_foto("PNG with prefix", in_png("eXIf", prefixed));
    expect_foto("WebP", in_webp(SLICE(BIG)));
    expect_foto("WebP with prefix", in_webp(prefixed));
    expect_foto("JPEG", concat(SLICE("\xff\xd8"), in_segment(prefixed)));
    expect_foto("JPEG, filled up", concat(SLICE("\xff\xd8\xff\xff\xff"), in_segment(prefixed)));
    expect_foto("JPEG in two segments",
                concat(SLICE("\xff\xd8"), concat(in_segment(first), in_segment(second))));
    assert_int_equal(read_file(concat(SLICE("\xff\xd8\xff\xda"), in_segment(prefixed))).orientation,
                     0); /* behind the header */
}

static struct slice in_box(const char *type, struct slice data)
{
    size_t n = data.n + 8;
    char head[8] = {0, 0, (char)(n >> 8), (char)n};

    memcpy(head + 4, type, 4);
    return concat((struct slice){head, 8}, data);
}

/* A picture with one item of EXIF, in idat, as it is or after `before`. */
static struct slice in_heic(struct slice before, struct slice property)
{
    struct slice item = concat(before, SLICE(LITTLE));
    char place[] = "\0\0\0\0\x44\0\0\x01\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0.";

    place[0] = 1; /* version: with a method of construction */
    place[23] = (char)item.n;
    struct slice entry = in_box("infe", SLICE("\x02\0\0\0\0\x01\0\0Exif\0"));
    struct slice children =
        concat(concat(in_box("iinf", concat(SLICE("\0\0\0\0\0\x01"), entry)),
                      in_box("iloc", (struct slice){place, 24})),
               concat(in_box("idat", item), in_box("iprp", in_box("ipco", property))));
    return concat(in_box("ftyp", SLICE("heic\0\0\0\0mif1heic")),
                  in_box("meta", concat(SLICE("\0\0\0\0"), children)));
}

static void test_heic(void **state)
{
    struct slice turn = in_box("irot", SLICE("\x01"));

    expect_foto("HEIC", in_heic(SLICE("\0\0\0\0"), SLICE("")));
    expect_foto("HEIC with prefix", in_heic(SLICE("\0\0\0\x06"
                                                  "Exif\0\0"),
                                            SLICE("")));
    expect_foto("HEIC with a wrong start", in_heic(SLICE("\xff\0\0\0"), SLICE("")));
    expect_foto("HEIC with a whole segment", in_heic(SLICE("\0\0\0\0\xff\xe1\0\x40"
                                                           "Exif\0\0"),
                                                     SLICE("")));
    expect_foto("HEIC with prefix not counted", in_heic(SLICE("\0\0\0\0"
                                                              "Exif\0\0"),
                                                        SLICE("")));
    struct found found = read_file(in_heic(SLICE("\0\0\0\0"), turn));
    assert_true(slice_eq(found.metadata.camera, SLICE("Foto")));
    assert_int_equal(found.orientation, 0); /* libheif has turned it */
}

/* The reads of one file take memory of their own, which is as large as it says. */
static void read_damaged(struct slice file, size_t n, size_t at, char value)
{
    struct arena *own = arena_new();
    char *bytes = arena_alloc(own, n);
    struct found found;

    memcpy(bytes, file.p, n);
    if (at < n)
        bytes[at] = value;
    found_init(&found, own);
    metadata_read(&found, (struct slice){bytes, n});
    assert_true(found.orientation <= 8);
    arena_free(own);
}

/* Wherever the file ends, and whatever byte is another, nothing outside is read (sanitizers). */
static void test_mutilated(void **state)
{
    const struct slice files[] = {
        SLICE(LITTLE),
        SLICE(BIG),
        SLICE(BIGTIFF),
        in_png("eXIf", SLICE(LITTLE)),
        in_webp(SLICE(LITTLE)),
        in_heic(SLICE("\0\0\0\0"), SLICE("")),
        concat(SLICE("\xff\xd8"), in_segment(concat(SLICE("Exif\0\0"), SLICE(LITTLE)))),
    };
    static const char values[] = {0, 1, 2, 12, 0x7f, '\x80', '\xff'};

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        for (size_t n = 1; n < files[i].n; n++)
            read_damaged(files[i], n, n, 0);
        for (size_t at = 0; at < files[i].n; at++)
            for (size_t v = 0; v < sizeof values; v++)
                read_damaged(files[i], files[i].n, at, values[v]);
    }
}

static struct slice packed(const char *head, size_t head_n, struct slice text)
{
    uLongf n = compressBound(text.n);
    char *bytes = arena_alloc(arena, n);

    assert_int_equal(compress((Bytef *)bytes, &n, (const Bytef *)text.p, text.n), Z_OK);
    return concat((struct slice){head, head_n}, (struct slice){bytes, n});
}

#define PACKED(head, text) packed(head, sizeof(head) - 1, text)

static void test_texts_of_png(void **state)
{
    struct slice keyword, text, bomb = {arena_zalloc(arena, 5 << 20), 5 << 20};
    const struct {
        const char *type;
        struct slice data;
        const char *text; /* NULL: none */
    } cases[] = {
        {"tEXt", SLICE("Raw profile type exif\0abc"), "abc"},
        {"zTXt", PACKED("Raw profile type APP1\0\0", SLICE("abc")), "abc"},
        {"iTXt", SLICE("XML:com.adobe.xmp\0\0\0\0\0abc"), "abc"},
        {"iTXt", SLICE("XML:com.adobe.xmp\0\0\0de\0name\0abc"), "abc"},
        {"iTXt", PACKED("XML:com.adobe.xmp\0\1\0\0\0", SLICE("abc")), "abc"},
        {"zTXt", PACKED("Raw profile type xmp\0\0", bomb), NULL},
        {"zTXt", SLICE("Raw profile type xmp\0\0abc"), NULL},
        {"zTXt", SLICE("Raw profile type xmp\0"), NULL},
        {"zTXt", PACKED("Comment\0\0", SLICE("abc")), NULL},
        {"iTXt", SLICE("XML:com.adobe.xmp\0\0\0\0"), NULL},
        {"iTXt", SLICE("XML:com.adobe.xmp"), NULL},
        {"IDAT", SLICE("Raw profile type exif\0abc"), NULL},
        {"tEXt", SLICE(""), NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool fine =
            profile_text(arena, slice_from(cases[i].type), copy(cases[i].data), &keyword, &text);
        if (fine != (cases[i].text != NULL) || (fine && !slice_eq(text, slice_from(cases[i].text))))
            fail_msg("case %zu", i);
    }
    assert_true(slice_eq(profile_unhex(arena, SLICE("\nexif\n    3\n6 1\n62\n6")), SLICE("ab")));
    assert_int_equal(profile_unhex(arena, SLICE("\n\n")).n, 0);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *entry; /* type, count, value or the offset 22 */
        const char *far;   /* at 22 */
        size_t far_n;
        bool fine;
        double value;
    } cases[] = {
        {"\x01\0\x01\0\0\0\xfe\0\0\0", "", 0, true, 254},
        {"\x06\0\x01\0\0\0\xfe\0\0\0", "", 0, true, -2},
        {"\x03\0\x01\0\0\0\xfe\xff\0\0", "", 0, true, 65534},
        {"\x08\0\x01\0\0\0\xfe\xff\0\0", "", 0, true, -2},
        {"\x04\0\x01\0\0\0\xfe\xff\xff\xff", "", 0, true, 4294967294.0},
        {"\x09\0\x01\0\0\0\xfe\xff\xff\xff", "", 0, true, -2},
        {"\x0b\0\x01\0\0\0\0\0\x80\x3f", "", 0, true, 1},
        {"\x0b\0\x01\0\0\0\0\0\x80\x7f", "", 0, false, 0}, /* infinite */
        {"\x05\0\x01\0\0\0\x16\0\0\0", "\x01\0\0\0\x04\0\0\0", 8, true, 0.25},
        {"\x05\0\x01\0\0\0\x16\0\0\0", "\x01\0\0\0\0\0\0\0", 8, false, 0},
        {"\x0a\0\x01\0\0\0\x16\0\0\0", "\xff\xff\xff\xff\x04\0\0\0", 8, true, -0.25},
        {"\x0c\0\x01\0\0\0\x16\0\0\0", "\0\0\0\0\0\0\xf0\x3f", 8, true, 1},
        {"\x0c\0\x01\0\0\0\x16\0\0\0", "\0\0\0\0\0\0\xf0", 7, false, 0}, /* cut off */
        {"\x02\0\x01\0\0\0"
         "1\0\0\0",
         "", 0, false, 0},
        {"\x63\0\x01\0\0\0"
         "1\0\0\0",
         "", 0, false, 0},
        {"\x03\0\0\0\0\0"
         "1\0\0\0",
         "", 0, false, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice head =
            concat(SLICE("II*\0\x08\0\0\0\x01\0\x0f\x01"), (struct slice){cases[i].entry, 10});
        struct tiff tiff;
        struct tiff_ifd ifd;
        struct tiff_entry entry;
        double value = 0;

        assert_true(tiff_open(concat(head, (struct slice){cases[i].far, cases[i].far_n}), &tiff));
        assert_true(tiff_ifd(&tiff, tiff.first, &ifd) && ifd.n == 1);
        assert_true(tiff_find(&tiff, &ifd, 0x010f, &entry));
        if (tiff_real(&tiff, &entry, 0, &value) != cases[i].fine ||
            (cases[i].fine && value != cases[i].value))
            fail_msg("case %zu gave %f", i, value);
    }
}

static void test_cameras(void **state)
{
    static const struct {
        const char *make, *model, *camera;
    } cases[] = {
        {"Nikon", "NIKON D90", "NIKON D90"},
        {"NIKON CORPORATION", "NIKON D90", "NIKON D90"},
        {"EASTMAN KODAK COMPANY", "KODAK DC240", "KODAK DC240"},
        {"LG Electronics", "LG-H870", "LG-H870"},
        {"Canon", "Canon EOS 5D", "Canon EOS 5D"},
        {"NIKON", "NIKON NIKON D90", "NIKON D90"},
        {"SONY", "ILCE-7M3", "SONY ILCE-7M3"},
        {"HUAWEI", "VOG-L29", "HUAWEI VOG-L29"},
        {"Leica Camera AG", "LEICA Q2", "LEICA Q2"},
        {"Apple", "", "Apple"},
        {"", "Modell", "Modell"},
        {"  Foto ", " Modell  ", "Foto Modell"},
        {"----", "...", ""},
        {"Foto", "\x01\x02", "Foto"},
        {"Cam\xe9ra",
         "Gr\xf6\xdf"
         "e",
         "Caméra Größe"},
        {"", "", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct found found;

        found_init(&found, arena);
        found_camera(&found, slice_from(cases[i].make), slice_from(cases[i].model));
        assert_string_equal(arena_cstr(arena, found.metadata.camera), cases[i].camera);
    }
}

#define RDF                                                                                        \
    "<rdf:RDF xmlns:exif=\"http://ns.adobe.com/exif/1.0/\" "                                       \
    "xmlns:t='http://ns.adobe.com/tiff/1.0/' xmlns:tiff=\"urn:other\">"

static void test_packets(void **state)
{
    static const struct {
        const char *packet, *camera;
        bool located;
    } cases[] = {
        {RDF "<rdf:Description t:Make=\"A &amp; B\"/>", "A & B", false},
        {RDF "<rdf:Description t:Make = 'A>B'></rdf:Description>", "A>B", false},
        {RDF "<rdf:Description><t:Make>\n A \n</t:Make></rdf:Description>", "A", false},
        {RDF "<rdf:Description><t:Make><rdf:Alt><rdf:li>A</rdf:li><rdf:li>B</rdf:li></rdf:Alt>"
             "</t:Make></rdf:Description>",
         "A", false},
        {RDF "<rdf:Description><t:Make/>B</rdf:Description>", "", false},
        {RDF "<rdf:Description><t:Make>&#x4d;&#65;&unknown;&#xd800;</t:Make>", "MA&unknown;\ufffd",
         false},
        {RDF "<rdf:Description tiff:Make='A'/>", "", false}, /* somebody else's */
        {RDF "<rdf:Description><x:y><rdf:Description t:Make='A'/></x:y></rdf:Description>", "",
         false},
        {RDF "<!-- --><!DOCTYPE a [<!ENTITY b 'c'>]><rdf:Description t:Make='A'/>", "", false},
        {RDF "<rdf:Description t:Make='A", "A", false},
        {RDF "<rdf:Description t:Make=", "", false},
        {RDF "<rdf:Description t:Make", "", false},
        {RDF "<rdf:Description <<<///>>> = ' \" t:Make='B'", "", false},
        {"<rdf:Description t:Make='A'/>", "", false},              /* nowhere */
        {"<rdf:RDF><rdf:Description tiff:Make='A'/>", "A", false}, /* nothing declared */
        {RDF "<rdf:Description exif:GPSLatitude='48,8.5N' exif:GPSLongitude='11,30,36E'/>", "",
         true},
        {RDF "<rdf:Description exif:GPSLatitude='48,8.5 North' exif:GPSLongitude='11,30,36 e'/>",
         "", true},
        {RDF "<rdf:Description exif:GPSLatitude='48.1416666667' exif:GPSLongitude='11.51'/>", "",
         true},
        {RDF "<rdf:Description exif:GPSLatitude='48,8.5E' exif:GPSLongitude='11,30,36E'/>", "",
         false},
        {RDF "<rdf:Description exif:GPSLatitude='N' exif:GPSLongitude='E'/>", "", false},
        {RDF "<rdf:Description exif:GPSLatitude='99,0N' exif:GPSLongitude='1,0E'/>", "", false},
        {"", "", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct found found;

        found_init(&found, arena);
        xmp_read(&found, copy(slice_from(cases[i].packet)));
        if (strcmp(arena_cstr(arena, found.metadata.camera), cases[i].camera) != 0)
            fail_msg("%s gave %.*s", cases[i].packet, SLICE_ARG(found.metadata.camera));
        if (found.metadata.has_location != cases[i].located)
            fail_msg("%s", cases[i].packet);
        if (cases[i].located) {
            assert_true(fabs(found.metadata.location.latitude - 48.1416666667) < 1e-9);
            assert_true(fabs(found.metadata.location.longitude - 11.51) < 1e-9);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_places_of_exif, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_heic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mutilated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts_of_png, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cameras, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_packets, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
