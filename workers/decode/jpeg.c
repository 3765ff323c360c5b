#include "decode/jpeg.h"

#include "base/clock.h"
#include "decode/appraisal.h"
#include "decode/colour.h"
#include "decode/jpeg_baseline.h"
#include "decode/jpeg_profile.h"
#include "decode/thumbnail.h"

#include <setjmp.h>
#include <string.h>

#include <jerror.h>

enum {
    MAX_SCANS = 100,        /* of a progressive file; encoders make a dozen */
    MAX_ROWS = 4 * DCTSIZE, /* of a component at a time: its sampling factor is 4 at most */
    THIN = 3 * DCTSIZE,     /* a picture of a few blocks */
    SCALES = DCTSIZE,       /* n/8 of the size */
};

/* Those of all scans together: 235 megapixels eleven times over, without subsampling. */
static const uint64_t MAX_SAMPLES_READ = UINT64_C(8000) * 1000 * 1000;

/* What comes out of the file, as it lies in it. */
struct picture {
    int64_t width, height; /* whole */
    struct planes planes;  /* smaller */
    struct slice profile;  /* of their numbers; empty: they are sRGB's */
};

struct reader {
    struct decoding *decoding;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    uint64_t samples;   /* of all components; 0: not known yet */
    bool ran_out;       /* the file has ended before the picture's end mark */
    bool lacks_picture; /* and before its last pixel */
};

bool jpeg_is(struct slice file)
{
    return file.n > 3 && memcmp(file.p, "\xff\xd8\xff", 3) == 0;
}

/* -- What libjpeg calls -- */

static void give_up(struct reader *reader, enum wire_reason reason, const char *message)
{
    decoding_fail(reader->decoding, reason, message);
    longjmp(reader->failed, 1);
}

static enum wire_reason reason_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return WIRE_REASON_OUT_OF_MEMORY;
    case JERR_BAD_PRECISION: /* 12 bits */
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_NOTIMPL:
        return WIRE_REASON_UNSUPPORTED;
    default:
        return WIRE_REASON_DAMAGED;
    }
}

static void on_error(j_common_ptr jpeg)
{
    struct reader *reader = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, text);
    struct slice message = wire_clip(reader->decoding->arena, slice_from(text), sizeof text);
    give_up(reader, reason_of(jpeg->err->msg_code), arena_cstr(reader->decoding->arena, message));
}

/* Flipped bits show as a flaw in the picture, and are let through; what is not there is not. */
static void on_message(j_common_ptr jpeg, int level)
{
    struct reader *reader = jpeg->client_data;

    if (level >= 0)
        return;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF)
        reader->ran_out = true;
    if (jpeg->err->msg_code == JWRN_HIT_MARKER && reader->ran_out)
        reader->lacks_picture = true;
}

static void on_progress(j_common_ptr jpeg)
{
    struct reader *reader = jpeg->client_data;

    uint64_t scans = (uint64_t)reader->jpeg.input_scan_number;

    if (scans > MAX_SCANS || scans * reader->samples > MAX_SAMPLES_READ)
        give_up(reader, WIRE_REASON_DAMAGED, "The picture has too many scans.");
    if (clock_ms() > reader->decoding->give_up_ms)
        give_up(reader, WIRE_REASON_TIMED_OUT, "Decoding took too long.");
}

/* -- Pixels -- */

/* The square of the largest thumbnail is covered; what is as thin as a block or two keeps some
 * rows, since a part of a block is no good mean of it. */
static void choose_scale(struct reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    bool wide = jpeg->image_width > jpeg->image_height;
    uint64_t longest = wide ? jpeg->image_width : jpeg->image_height;
    uint64_t shortest = wide ? jpeg->image_height : jpeg->image_width;
    uint64_t least = (uint64_t)thumbnail_largest(&reader->decoding->request);

    jpeg->scale_denom = SCALES;
    jpeg->scale_num = 1;
    while (jpeg->scale_num < SCALES && (longest * jpeg->scale_num < least * SCALES ||
                                        shortest * jpeg->scale_num < THIN * SCALES))
        jpeg->scale_num++;
}

static unsigned divide_up(unsigned n, unsigned to)
{
    return (n + to - 1) / to;
}

/* With room for the blocks that stand over the edge. */
static struct plane room_for(const struct reader *reader, const jpeg_component_info *component)
{
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    unsigned across = divide_up(jpeg->image_width, (unsigned)jpeg->max_h_samp_factor * DCTSIZE);
    unsigned down = divide_up(jpeg->image_height, (unsigned)jpeg->max_v_samp_factor * DCTSIZE);
    int size = component->DCT_scaled_size;
    struct plane plane =
        plane_new(reader->decoding->arena, (int)across * component->h_samp_factor * size,
                  (int)down * component->v_samp_factor * size);

    plane.width = (int)component->downsampled_width;
    plane.height = (int)component->downsampled_height;
    return plane;
}

/* Each component as it is stored, in the size that comes nearest to the wanted one. */
static void read_planes(struct reader *reader, struct planes *out)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    JSAMPROW rows[3][MAX_ROWS];
    JSAMPARRAY list[3] = {rows[0], rows[1], rows[2]};

    jpeg->raw_data_out = TRUE;
    jpeg->out_color_space = jpeg->jpeg_color_space;
    jpeg_start_decompress(jpeg);
    out->count = jpeg->num_components;
    for (int i = 0; i < out->count; i++)
        out->plane[i] = room_for(reader, &jpeg->comp_info[i]);
    unsigned batch = (unsigned)(jpeg->max_v_samp_factor * jpeg->min_DCT_scaled_size);
    for (int n = 0; jpeg->output_scanline < jpeg->output_height; n++) {
        for (int i = 0; i < out->count; i++) {
            const jpeg_component_info *component = &jpeg->comp_info[i];
            int its_rows = component->v_samp_factor * component->DCT_scaled_size;

            for (int row = 0; row < its_rows; row++)
                rows[i][row] =
                    out->plane[i].pixels + (ptrdiff_t)(n * its_rows + row) * out->plane[i].stride;
        }
        jpeg_read_raw_data(jpeg, list, batch);
    }
}

/* Adobe's CMYK has 0 for full ink. */
static void invert(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(255 - bytes[i]);
}

/* RGB and CMYK, as sRGB. */
static void read_packed(struct reader *reader, struct picture *picture)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    struct arena *arena = reader->decoding->arena;
    bool inks = jpeg->num_components == COLOUR_CMYK;

    jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    size_t width = jpeg->output_width, height = jpeg->output_height;
    size_t stride = width * (size_t)jpeg->output_components;
    uint8_t *pixels = arena_alloc(arena, stride * height);
    while (jpeg->output_scanline < height) {
        JSAMPROW row = pixels + stride * jpeg->output_scanline;

        jpeg_read_scanlines(jpeg, &row, 1);
    }
    if (inks && jpeg->saw_Adobe_marker)
        invert(pixels, stride * height);
    struct colour_pixels colours = {
        pixels,    stride,     inks ? arena_alloc(arena, width * 3 * height) : pixels,
        width * 3, (int)width, (int)height};
    if (!colour_to_srgb(picture->profile, inks ? COLOUR_CMYK : COLOUR_RGB, &colours) && inks)
        colour_from_plain_cmyk(&colours);
    picture->profile = SLICE_NONE;
    picture->planes = planes_from_packed(arena, colours.out, COLOUR_RGB, (int)width, (int)height,
                                         colours.out_stride);
}

/* What came of a file that has ended early: every scan of every component, to the last bit? */
static bool is_whole(const struct reader *reader)
{
    const struct jpeg_decompress_struct *jpeg = &reader->jpeg;

    for (int i = 0; i < jpeg->num_components; i++) {
        if (!jpeg->comp_info[i].quant_table)
            return false; /* it had no scan */
        for (int k = 0; reader->ran_out && jpeg->coef_bits && k < DCTSIZE2; k++)
            if (jpeg->coef_bits[i][k] != 0)
                return false;
    }
    /* Arithmetic coding leaves zeros at the end away: nothing tells them from a cut. */
    return !reader->lacks_picture && !(reader->ran_out && jpeg->arith_code);
}

/* -- Small pictures -- */

/* To sRGB, where the profile says that they are something else. */
static bool apply_profile(struct arena *arena, struct picture *picture, int width, int height)
{
    struct planes full, *planes = &picture->planes;
    size_t stride = (size_t)width * 3;

    if (picture->profile.n == 0)
        return true;
    if (!planes_scale(arena, planes, width, height, true, &full))
        return false;
    uint8_t *pixels = arena_alloc(arena, stride * (size_t)height);
    uint8_t *out = planes->count == 1 ? arena_alloc(arena, stride * (size_t)height) : pixels;
    size_t in_stride = (size_t)width * (size_t)planes->count;
    planes_to_packed(&full, pixels, in_stride);
    struct colour_pixels colours = {pixels, in_stride, out, stride, width, height};
    if (colour_to_srgb(picture->profile, (enum colour_bands)planes->count, &colours))
        *planes = planes_from_packed(arena, out, COLOUR_RGB, width, height, stride);
    return true;
}

static bool write_thumbnails(struct decoding *decoding, struct picture *picture,
                             unsigned orientation)
{
    int size = thumbnail_largest(&decoding->request), width, height;
    struct planes *planes = &picture->planes;

    if (size == 0)
        return true;
    planes_fit(picture->width, picture->height, size, &width, &height);
    if (!apply_profile(decoding->arena, picture, width, height) ||
        !planes_scale(decoding->arena, planes, width, height, false, planes))
        return decoding_fail(decoding, WIRE_REASON_INTERNAL, "The picture cannot be scaled.");
    *planes = planes_turn(decoding->arena, planes, orientation);
    return thumbnail_write_planes(decoding, planes);
}

/* -- The file -- */

static void start(struct reader *reader, struct slice file)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;

    jpeg->progress = &reader->progress;
    reader->progress.progress_monitor = on_progress;
    jpeg_mem_src(jpeg, (const unsigned char *)file.p, file.n);
    jpeg_profile_keep(jpeg);
    jpeg_read_header(jpeg, TRUE);
}

static uint64_t count_samples(const struct jpeg_decompress_struct *jpeg)
{
    uint64_t n = 0;

    for (int i = 0; i < jpeg->num_components; i++)
        n += (uint64_t)jpeg->comp_info[i].width_in_blocks * jpeg->comp_info[i].height_in_blocks *
             DCTSIZE2;
    return n;
}

static bool admit(struct reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    bool held = jpeg_has_multiple_scans(jpeg);

    reader->samples = count_samples(jpeg);
    return appraisal_admit(reader->decoding,
                           &(struct appraisal){.way = held ? APPRAISAL_SCANS : APPRAISAL_ROWS,
                                               .width = jpeg->image_width,
                                               .height = jpeg->image_height,
                                               .units = held ? reader->samples : 0});
}

static bool read_picture(struct reader *reader, struct picture *picture, bool turned)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;

    picture->width = jpeg->image_width;
    picture->height = jpeg->image_height;
    decoding_take_size(reader->decoding, jpeg->image_width, jpeg->image_height, turned);
    if (!admit(reader))
        return false;
    picture->profile = jpeg_profile(reader->decoding->arena, jpeg);
    choose_scale(reader);
    bool plain = jpeg->jpeg_color_space == JCS_GRAYSCALE || jpeg->jpeg_color_space == JCS_YCbCr;
    if (plain && jpeg_baseline_read(reader->decoding->arena, jpeg, reader->decoding->give_up_ms,
                                    &picture->planes))
        return true;
    if (plain)
        read_planes(reader, &picture->planes);
    else if (jpeg->jpeg_color_space == JCS_RGB || jpeg->num_components == COLOUR_CMYK)
        read_packed(reader, picture);
    else
        return decoding_fail(reader->decoding, WIRE_REASON_UNSUPPORTED,
                             "Nobody knows what the colours of this picture mean.");
    return is_whole(reader) || decoding_fail(reader->decoding, WIRE_REASON_DAMAGED,
                                             "The end of the picture is missing.");
}

bool jpeg_decode(struct decoding *decoding, struct slice file, unsigned orientation)
{
    struct reader *reader = ARENA_NEW(decoding->arena, struct reader);
    struct picture *picture = ARENA_NEW(decoding->arena, struct picture);

    reader->decoding = decoding;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->jpeg.client_data = reader;
    if (setjmp(reader->failed)) {
        jpeg_destroy_decompress(&reader->jpeg);
        return false;
    }
    jpeg_create_decompress(&reader->jpeg);
    start(reader, file);
    bool fine = read_picture(reader, picture, orientation >= 5);
    jpeg_destroy_decompress(&reader->jpeg);
    return fine && write_thumbnails(decoding, picture, orientation);
}
