/* The real decoders, their children in their sandbox, fed with real, broken and hostile files. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/parcel.h"
#include "base/text.h"
#include "unit.h"
#include "wire/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORENSICS "/usr/share/forensics-samples/original-files/"
#define OPENCV "/usr/share/doc/opencv-doc/examples/data/"

enum { MAX_PIXELS = 270000000, DEADLINE_MS = 60000, OUTPUTS = 3 };
static const uint64_t MEMORY_BYTES = 1536ULL << 20;

static struct arena *arena;
static int outputs[OUTPUTS];

/* From the one with the fewest libraries on: who cannot do it says `elsewhere`. */
enum which { PHOTOS, PICTURES, FILMS, DECODERS };
static struct decoder {
    const char *program;
    pid_t template;
    int socket;
} decoders[DECODERS] = {{"mediahub-decode", 0, -1},
                        {"mediahub-decode-pictures", 0, -1},
                        {"mediahub-decode-films", 0, -1}};

static void exec_template(const char *program, int socket)
{
    char self[1024] = "", path[1100];

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        _exit(126);
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof(path), "%s/../bin/%s", self, program);
    dup2(socket, 3);
    execl(path, path, (char *)NULL);
    _exit(127);
}

/* Of whatever comes with a message only the first descriptor is kept, if somebody wants it. */
static struct wire_message receive(int socket, int *fd)
{
    char *bytes = arena_alloc(arena, WIRE_MAX_BYTES);
    int fds[PARCEL_MAX_FDS];
    size_t n_fds;
    ssize_t n = parcel_receive(socket, bytes, WIRE_MAX_BYTES, fds, &n_fds);
    struct wire_message message;

    assert_true(n > 0);
    assert_int_equal(n_fds, fd ? 1 : 0);
    if (fd)
        *fd = fds[0];
    assert_int_equal(wire_decode(arena, (struct slice){bytes, (size_t)n}, &message), WIRE_FINE);
    return message;
}

static void start_template(struct decoder *decoder)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    decoder->template = fork();
    if (decoder->template == 0)
        exec_template(decoder->program, pair[1]);
    close(pair[1]);
    decoder->socket = pair[0];
    struct wire_message level = receive(decoder->socket, NULL);
    assert_int_equal(level.type, WIRE_SANDBOX);
    assert_true(level.sandbox.no_new_privileges);
    assert_true(level.sandbox.seccomp);
}

static int start_templates(void **state)
{
    arena = arena_new();
    for (size_t i = 0; i < DECODERS; i++)
        start_template(&decoders[i]);
    return 0;
}

static int stop_templates(void **state)
{
    for (size_t i = 0; i < DECODERS; i++) {
        int status;

        close(decoders[i].socket);
        waitpid(decoders[i].template, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    arena_free(arena);
    return 0;
}

/* What is told of one request besides its answer. */
struct job {
    enum which which;
    int answer, pidfd;
    struct wire_started started;
    struct wire_ended ended;
};

static void send_request(int input, enum wire_kind kind, struct job *job)
{
    struct wire_output list[OUTPUTS] = {{SLICE("small.jpg"), WIRE_PRODUCT_THUMBNAIL, 200},
                                        {SLICE("large.jpg"), WIRE_PRODUCT_THUMBNAIL, 800},
                                        {SLICE("medium.jpg"), WIRE_PRODUCT_THUMBNAIL, 400}};
    struct wire_message message = {
        .type = WIRE_DECODE,
        .decode = {kind, list, OUTPUTS, MAX_PIXELS, DEADLINE_MS, MEMORY_BYTES}};
    struct buf bytes;
    int answer[2], fds[OUTPUTS + 3] = {input};

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, answer), 0);
    for (size_t i = 0; i < OUTPUTS; i++)
        fds[1 + i] = outputs[i] = memfd_create("output", MFD_CLOEXEC);
    fds[OUTPUTS + 1] = answer[1];
    fds[OUTPUTS + 2] = STDERR_FILENO;
    buf_init(&bytes, WIRE_MAX_BYTES);
    assert_true(wire_encode(&bytes, &message));
    assert_true(parcel_send(decoders[job->which].socket, buf_slice(&bytes), fds, OUTPUTS + 3));
    buf_fini(&bytes);
    close(answer[1]);
    job->answer = answer[0];
    struct wire_message started = receive(decoders[job->which].socket, &job->pidfd);
    assert_int_equal(started.type, WIRE_STARTED);
    job->started = started.started;
}

static void await_end(struct job *job)
{
    struct wire_message ended = receive(decoders[job->which].socket, NULL);

    assert_int_equal(ended.type, WIRE_ENDED);
    job->ended = ended.ended;
    close(job->pidfd);
}

static void drop_outputs(void)
{
    for (size_t i = 0; i < OUTPUTS; i++)
        close(outputs[i]);
}

static struct wire_message ask(int input, enum wire_kind kind, struct job *job)
{
    send_request(input, kind, job);
    await_end(job);
    assert_int_equal(job->ended.fate, WIRE_FATE_FINE);
    struct wire_message answer = receive(job->answer, NULL);
    close(job->answer);
    return answer;
}

/* Closes the input. */
static struct wire_message decode_with(int input, enum wire_kind kind, struct job *job)
{
    assert_true(input >= 0);
    struct wire_message answer = ask(input, kind, job);

    while (answer.type == WIRE_ELSEWHERE) {
        drop_outputs();
        assert_true(job->which < FILMS);
        job->which++;
        answer = ask(input, kind, job);
    }
    close(input);
    return answer;
}

static struct wire_message decode_fd(int input, enum wire_kind kind)
{
    struct job job = {0};

    return decode_with(input, kind, &job);
}

static struct wire_decoded decode_whole(const char *path, enum wire_kind kind)
{
    struct wire_message answer = decode_fd(open(path, O_RDONLY | O_CLOEXEC), kind);

    if (answer.type != WIRE_DECODED)
        fail_msg("%s: %.*s", path, SLICE_ARG(answer.undecodable.message));
    return answer.decoded;
}

static struct wire_results decode_file(const char *path, enum wire_kind kind)
{
    return decode_whole(path, kind).results;
}

/* SOI and APP0 (JFIF), as wide or as high as asked (ITU-T T.81 section B.2.2), and with nothing of
 * the camera's left: no other APPn, no comment. */
static void check_jpeg(int fd, unsigned longest)
{
    static unsigned char file[1 << 20];
    ssize_t n = pread(fd, file, sizeof(file), 0);

    assert_in_range(n, 100, sizeof(file) - 1);
    assert_memory_equal(file, "\xff\xd8\xff\xe0\x00\x10JFIF", 10);
    const unsigned char *segment = file + 20;
    while (segment[1] != 0xc0) {
        assert_true(segment[0] == 0xff && segment[1] == 0xdb); /* quantization tables alone */
        segment += 2 + (segment[2] << 8 | segment[3]);
        assert_true(segment + 10 < file + n);
    }
    unsigned height = (unsigned)segment[5] << 8 | segment[6];
    unsigned width = (unsigned)segment[7] << 8 | segment[8];
    assert_int_equal(width > height ? width : height, longest);
    assert_null(memmem(file, (size_t)n, "Xiaomi", 6));
    assert_null(memmem(file, (size_t)n, "Canon", 5));
}

/* A file in memory: the head of another one, with bytes changed. */
static int forged(const char *path, size_t keep, size_t at, const char *bytes, size_t n)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("forged", MFD_CLOEXEC);
    struct stat status;

    assert_true(from >= 0 && fd >= 0 && fstat(from, &status) == 0);
    if (keep > (size_t)status.st_size)
        keep = (size_t)status.st_size;
    char *all = mem_alloc(keep);
    assert_int_equal(read(from, all, keep), keep);
    memcpy(all + at, bytes, n);
    assert_int_equal(write(fd, all, keep), keep);
    mem_free(all);
    close(from);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* Reads the first MiB; the bytes stand there. */
static size_t find_first_bytes(const char *path, const char *bytes, size_t n)
{
    static char head[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, head, sizeof head);

    close(fd);
    char *found = got > 0 ? memmem(head, (size_t)got, bytes, n) : NULL;
    assert_non_null(found);
    return (size_t)(found - head);
}

/* Of the last place where the bytes stand: before it may come a preview in the metadata. */
static size_t find_last_bytes(const char *path, const char *bytes, size_t n)
{
    static char head[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, head, sizeof(head));

    close(fd);
    char *found = NULL;
    for (char *at = head; got > 0; at = found + 1) {
        char *next = memmem(at, (size_t)(head + got - at), bytes, n);

        if (!next)
            break;
        found = next;
    }
    assert_non_null(found);
    return (size_t)(found - head);
}

static void test_pictures(void **state)
{
    static const struct {
        const char *path;
        unsigned width, height, largest;
        const char *camera;
    } cases[] = {
        {FORENSICS "pic2/IMG_20200124_231153.jpg", 4000, 3000, 800, "Xiaomi Mi A3"},
        {FORENSICS "pic1/IMG_20200827_231612.jpg", 4000, 3000, 800, "Xiaomi Mi A3"},
        {FORENSICS "pic1/IMG_1054.JPG", 1280, 960, 800, "Canon PowerShot SX530 HS"},
        {FORENSICS "pic1/IMG-20191006-WA0002.jpg", 1024, 768, 800, ""},
        {OPENCV "fruits.jpg", 512, 480, 512, ""},
        {OPENCV "starry_night.jpg", 752, 600, 752, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_decoded decoded = decode_whole(cases[i].path, WIRE_KIND_IMAGE);
        struct wire_results results = decoded.results;
        static const unsigned sizes[OUTPUTS] = {200, 800, 400};

        print_message("%s: %s\n", cases[i].path, arena_cstr(arena, results.metadata.camera));
        assert_int_equal(results.width, cases[i].width);
        assert_int_equal(results.height, cases[i].height);
        assert_string_equal(arena_cstr(arena, results.metadata.camera), cases[i].camera);
        assert_int_equal(decoded.outputs_count, OUTPUTS);
        for (size_t o = 0; o < OUTPUTS; o++)
            check_jpeg(outputs[o], sizes[o] < cases[i].largest ? sizes[o] : cases[i].largest);
        drop_outputs();
    }
}

/* Orientation 6: the camera was held upright (CIPA DC-008, tag 0x0112, a SHORT of one). */
static void test_turned_picture(void **state)
{
    static const char tag[] = {0x01, 0x12, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00};
    const char *path = FORENSICS "pic2/IMG_20200124_231153.jpg";
    size_t at = find_first_bytes(path, tag, sizeof tag);
    struct wire_message answer =
        decode_fd(forged(path, SIZE_MAX, at + sizeof tag, "\x06", 1), WIRE_KIND_IMAGE);

    assert_int_equal(answer.type, WIRE_DECODED);
    assert_int_equal(answer.decoded.results.width, 3000);
    assert_int_equal(answer.decoded.results.height, 4000);
    check_jpeg(outputs[1], 800);
    drop_outputs();
}

static void test_metadata_of_a_phone(void **state)
{
    struct wire_results results =
        decode_file(FORENSICS "pic2/IMG_20200124_231153.jpg", WIRE_KIND_IMAGE);
    uint64_t taken_s = 1579907513; /* 2020-01-24T23:11:53Z */

    drop_outputs();
    assert_true(results.has_taken_ms);
    print_message("taken %lld exposure %s iso %llu f/%g at %f %f %f\n", (long long)results.taken_ms,
                  arena_cstr(arena, results.metadata.exposure),
                  (unsigned long long)results.metadata.iso, results.metadata.aperture,
                  results.metadata.location.latitude, results.metadata.location.longitude,
                  results.metadata.location.altitude);
    assert_int_equal(results.taken_ms / 1000, taken_s);
    assert_true(results.metadata.has_iso && results.metadata.has_aperture);
    assert_true(results.metadata.exposure.n > 0);
    assert_true(results.metadata.has_location && results.metadata.location.has_altitude);
}

static void test_clips(void **state)
{
    static const struct {
        const char *path;
        unsigned width, height, duration_ms;
        size_t variants;
        bool located;
    } cases[] = {
        {FORENSICS "movie1/VID_20191220_170832.mp4", 1920, 1080, 1600, 3, true},
        {FORENSICS "movie2/movie-hello.mp4", 1280, 720, 8300, 3, false},
        {FORENSICS "movie2/movie-hello.avi", 1024, 576, 8300, 3, false},
        {FORENSICS "movie2/movie-hello.mpeg", 640, 480, 8300, 3, false},
        {FORENSICS "movie2/movie-hello.ogg", 720, 480, 8300, 3, false},
        {OPENCV "vtest.avi", 768, 576, 79500, 3, false},
        {OPENCV "Megamind.avi", 720, 528, 11260, 3, false},
        {FORENSICS "audio1/debian.mp3", 0, 0, 5400, 0, false},
        {FORENSICS "audio1/debian.ogg", 0, 0, 5400, 0, false},
        {FORENSICS "audio1/debian.wav", 0, 0, 5400, 0, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_decoded decoded = decode_whole(cases[i].path, WIRE_KIND_VIDEO);
        struct wire_results results = decoded.results;

        print_message("%s: %llux%llu %llu ms\n", cases[i].path, (unsigned long long)results.width,
                      (unsigned long long)results.height, (unsigned long long)results.duration_ms);
        assert_int_equal(results.width, cases[i].width);
        assert_int_equal(results.height, cases[i].height);
        assert_in_range(results.duration_ms, cases[i].duration_ms - 400,
                        cases[i].duration_ms + 400);
        assert_int_equal(decoded.outputs_count, cases[i].variants);
        assert_int_equal(results.metadata.has_location, cases[i].located);
        if (cases[i].variants)
            check_jpeg(outputs[0], 200);
        drop_outputs();
    }
}

static int of_text(const char *text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void refused(const char *what, int fd, enum wire_kind kind, enum wire_reason reason)
{
    uint64_t started_ms = clock_ms();
    struct wire_message answer = decode_fd(fd, kind);

    drop_outputs();
    if (answer.type != WIRE_UNDECODABLE)
        fail_msg("%s was decoded", what);
    print_message(
        "%s: %.*s in %llu ms: %.*s\n", what, SLICE_ARG(wire_reason_name(answer.undecodable.reason)),
        (unsigned long long)(clock_ms() - started_ms), SLICE_ARG(answer.undecodable.message));
    assert_int_equal(answer.undecodable.reason, reason);
    assert_true(clock_ms() - started_ms < 10000);
}

/* IHDR, told 65535 x 65535, with its checksum made right again. */
static int huge_png(const char *path)
{
    int fd = forged(path, 100000000, 16, "\x00\x00\xff\xff\x00\x00\xff\xff", 8);
    char header[17];

    assert_int_equal(pread(fd, header, sizeof(header), 12), sizeof(header));
    uint32_t checksum = htonl(text_crc32((struct slice){header, sizeof(header)}));
    assert_int_equal(pwrite(fd, &checksum, 4, 29), 4);
    return fd;
}

static void test_broken_and_hostile_pictures(void **state)
{
    static const char *const photo = FORENSICS "pic1/IMG_20200827_231612.jpg";
    static const char *const drawing = OPENCV "chicky_512.png";
    size_t frame = find_last_bytes(photo, "\xff\xc0\x00\x11\x08", 5);

    refused("half a photo", forged(photo, 1000000, 0, "", 0), WIRE_KIND_IMAGE, WIRE_REASON_DAMAGED);
    refused("1000 bytes of a photo", forged(photo, 1000, 0, "", 0), WIRE_KIND_IMAGE,
            WIRE_REASON_DAMAGED);
    /* The start of frame, told 64250 x 64250 pixels. */
    refused("the pixel bomb", forged(photo, 100000000, frame + 5, "\xfa\xfa\xfa\xfa", 4),
            WIRE_KIND_IMAGE, WIRE_REASON_TOO_MANY_PIXELS);
    refused("a huge PNG", huge_png(drawing), WIRE_KIND_IMAGE, WIRE_REASON_TOO_MANY_PIXELS);
    refused("half a PNG", forged(drawing, 50000, 0, "", 0), WIRE_KIND_IMAGE, WIRE_REASON_DAMAGED);
    refused("nothing", of_text(""), WIRE_KIND_IMAGE, WIRE_REASON_UNSUPPORTED);
    refused("text", of_text("hello, world"), WIRE_KIND_IMAGE, WIRE_REASON_UNSUPPORTED);
    refused("SVG", of_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
            WIRE_KIND_IMAGE, WIRE_REASON_UNSUPPORTED);
}

static void test_broken_and_hostile_clips(void **state)
{
    refused("a playlist", of_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), WIRE_KIND_VIDEO,
            WIRE_REASON_DAMAGED);
    refused("a list of files", of_text("ffconcat version 1.0\nfile /etc/passwd\n"), WIRE_KIND_VIDEO,
            WIRE_REASON_DAMAGED);
    refused("a clip without its index",
            forged(FORENSICS "movie1/VID_20191220_170832.mp4", 200000, 0, "", 0), WIRE_KIND_VIDEO,
            WIRE_REASON_DAMAGED);
    refused("nothing", of_text(""), WIRE_KIND_VIDEO, WIRE_REASON_DAMAGED);
}

static void test_damage_is_survived(void **state)
{
    decode_file(OPENCV "Megamind_bugy.avi", WIRE_KIND_VIDEO);
    drop_outputs();
    /* The next child is none the worse. */
    decode_file(OPENCV "fruits.jpg", WIRE_KIND_IMAGE);
    drop_outputs();
}

/* Whatever bytes are flipped: an answer comes, of either kind, and the template lives. */
static void test_flipped_bytes(void **state)
{
    uint32_t chance = 12345;

    for (unsigned round = 0; round < 40; round++) {
        const char *path = round % 2 ? OPENCV "fruits.jpg" : FORENSICS "movie2/movie-hello.mp4";
        int fd = forged(path, 300000, 0, "", 0);

        for (unsigned i = 0; i < 20; i++) {
            chance = chance * 1664525 + 1013904223;
            assert_int_equal(pwrite(fd, &chance, 1, chance >> 8 & 0x7fff), 1);
        }
        decode_fd(fd, round % 2 ? WIRE_KIND_IMAGE : WIRE_KIND_VIDEO);
        drop_outputs();
    }
}

/* Nothing of one file meets another: each has a process of its own, which is gone afterwards. */
static void test_each_has_a_child_of_its_own(void **state)
{
    struct job first = {0}, second = {0};

    decode_with(open(OPENCV "fruits.jpg", O_RDONLY | O_CLOEXEC), WIRE_KIND_IMAGE, &first);
    drop_outputs();
    decode_with(of_text("no picture"), WIRE_KIND_IMAGE, &second);
    drop_outputs();
    assert_int_not_equal(first.started.pid, second.started.pid);
    assert_int_not_equal(first.started.pid, decoders[PHOTOS].template);
    assert_int_not_equal(kill((pid_t)first.started.pid, 0), 0);
    assert_in_range(first.ended.peak_bytes, 1 << 20, 256 << 20);
}

/* A child costs by the libraries of its template: none may do what a smaller one can. */
static void test_each_kind_has_its_decoder(void **state)
{
    static const struct {
        const char *path;
        enum wire_kind kind;
        enum which which;
    } cases[] = {
        {OPENCV "fruits.jpg", WIRE_KIND_IMAGE, PHOTOS},
        {OPENCV "chicky_512.png", WIRE_KIND_IMAGE, PICTURES},
        {OPENCV "vtest.avi", WIRE_KIND_VIDEO, FILMS},
        {OPENCV "vtest.avi", WIRE_KIND_TRANSCODE, FILMS},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct job job = {0};
        struct wire_message answer =
            decode_with(open(cases[i].path, O_RDONLY | O_CLOEXEC), cases[i].kind, &job);

        drop_outputs();
        assert_int_equal(answer.type, WIRE_DECODED);
        assert_int_equal(job.which, cases[i].which);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_turned_picture),
        cmocka_unit_test(test_metadata_of_a_phone),
        cmocka_unit_test(test_clips),
        cmocka_unit_test(test_broken_and_hostile_pictures),
        cmocka_unit_test(test_broken_and_hostile_clips),
        cmocka_unit_test(test_damage_is_survived),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_each_has_a_child_of_its_own),
        cmocka_unit_test(test_each_kind_has_its_decoder),
    };

    return cmocka_run_group_tests(tests, start_templates, stop_templates);
}
