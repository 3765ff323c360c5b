#include "decode/jpeg_write.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>

#include <jpeglib.h>

enum { QUALITY = 80, BATCH_ROWS = 16, BUFFER_BYTES = 64 << 10 };

struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr out;
    jmp_buf failed;
    int fd;
    JOCTET buffer[BUFFER_BYTES];
};

static void on_error(j_common_ptr jpeg)
{
    longjmp(((struct encoder *)jpeg->client_data)->failed, 1);
}

static void on_message(j_common_ptr jpeg)
{
}

static bool write_all(int fd, const unsigned char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

/* -- libjpeg's destination -- */

static void begin(j_compress_ptr jpeg)
{
    struct encoder *encoder = jpeg->client_data;

    encoder->out.next_output_byte = encoder->buffer;
    encoder->out.free_in_buffer = BUFFER_BYTES;
}

static void flush(struct encoder *encoder, size_t n)
{
    if (!write_all(encoder->fd, encoder->buffer, n))
        longjmp(encoder->failed, 1);
}

static boolean on_full(j_compress_ptr jpeg)
{
    flush(jpeg->client_data, BUFFER_BYTES);
    begin(jpeg);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg)
{
    struct encoder *encoder = jpeg->client_data;

    flush(encoder, BUFFER_BYTES - encoder->out.free_in_buffer);
}

/* -- The picture -- */

static void describe(struct encoder *encoder, const struct planes *planes)
{
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;

    jpeg->image_width = (JDIMENSION)planes->plane[0].width;
    jpeg->image_height = (JDIMENSION)planes->plane[0].height;
    jpeg->input_components = planes->count;
    jpeg->in_color_space = planes->count == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(jpeg); /* 4:2:0 where there is colour */
    jpeg_set_quality(jpeg, QUALITY, TRUE);
    jpeg->raw_data_in = TRUE;
    jpeg->dct_method = JDCT_ISLOW;
}

/* Blocks are filled up with what stands at the edge. The row's padding is ours to write. */
static JSAMPROW padded_row(const struct plane *plane, int y)
{
    uint8_t *row =
        plane->pixels + (ptrdiff_t)(y < plane->height ? y : plane->height - 1) * plane->stride;

    for (int x = plane->width; x < plane->stride; x++)
        row[x] = row[plane->width - 1];
    return row;
}

static void write_rows(struct encoder *encoder, const struct planes *planes)
{
    JSAMPROW rows[3][BATCH_ROWS];
    JSAMPARRAY list[3] = {rows[0], rows[1], rows[2]};
    int batch = planes->count == 1 ? DCTSIZE : BATCH_ROWS;

    for (int y = 0; y < planes->plane[0].height; y += batch) {
        for (int i = 0; i < planes->count; i++) {
            int first = i == 0 ? y : y / 2, n = i == 0 ? batch : batch / 2;

            for (int row = 0; row < n; row++)
                rows[i][row] = padded_row(&planes->plane[i], first + row);
        }
        jpeg_write_raw_data(&encoder->jpeg, list, (JDIMENSION)batch);
    }
}

bool jpeg_write(struct arena *arena, const struct planes *planes, int fd)
{
    struct encoder *encoder = ARENA_NEW(arena, struct encoder);
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;

    encoder->fd = fd;
    encoder->out = (struct jpeg_destination_mgr){
        .init_destination = begin, .empty_output_buffer = on_full, .term_destination = on_end};
    jpeg->err = jpeg_std_error(&encoder->errors);
    encoder->errors.error_exit = on_error;
    encoder->errors.output_message = on_message;
    jpeg->client_data = encoder;
    if (setjmp(encoder->failed)) {
        jpeg_destroy_compress(jpeg);
        return false;
    }
    jpeg_create_compress(jpeg);
    jpeg->dest = &encoder->out;
    describe(encoder, planes);
    jpeg_start_compress(jpeg, TRUE);
    write_rows(encoder, planes);
    jpeg_finish_compress(jpeg);
    jpeg_destroy_compress(jpeg);
    return true;
}
