#include "decode/decode.h"

#include "base/clock.h"
#include "base/log.h"
#include "decode/image.h"
#include "decode/private_write.h"
#include "decode/video.h"

#include <errno.h>
#include <libavutil/log.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vips/vips.h>

enum { MAX_DESCRIPTORS = 17 }; /* the input and 16 outputs (wire.yaml) */

struct parcel {
    char bytes[WIRE_MAX_BYTES];
    struct slice message;
    int fds[MAX_DESCRIPTORS];
    size_t fd_count;
};

static void drop_log(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
    /* Libraries' warnings about hostile files are no news; failures come back as results. */
}

void decode_libraries_init(void)
{
    g_log_set_default_handler(drop_log, NULL);
    av_log_set_level(AV_LOG_QUIET);
    if (VIPS_INIT("mediahub-decode") != 0) {
        log_event(LOG_ERROR, "libvips_failed", F("why", vips_error_buffer()));
        _exit(1);
    }
    vips_block_untrusted_set(TRUE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
}

static bool send_message(int socket, const struct wire_message *message)
{
    struct buf out;
    ssize_t sent;

    buf_init(&out, WIRE_MAX_BYTES);
    bool fine = wire_encode(&out, message);
    struct slice bytes = buf_slice(&out);
    do {
        sent = fine ? write(socket, bytes.p, bytes.n) : -1;
    } while (sent < 0 && fine && errno == EINTR);
    buf_fini(&out);
    return sent >= 0;
}

static void take_descriptors(struct parcel *parcel, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        parcel->fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(parcel->fds, CMSG_DATA(c), parcel->fd_count * sizeof(int));
    }
}

/* False: the other end is closed, or sent what nobody should. */
static bool receive(int socket, struct parcel *parcel)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec room = {parcel->bytes, sizeof(parcel->bytes)};
    struct msghdr header = {.msg_iov = &room,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    ssize_t got;

    do {
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    parcel->fd_count = 0;
    if (got <= 0)
        return false;
    take_descriptors(parcel, &header);
    parcel->message = (struct slice){parcel->bytes, (size_t)got};
    return (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
}

static bool run(struct decoding *decoding)
{
    switch (decoding->request.kind) {
    case WIRE_KIND_IMAGE:
        return image_decode(decoding);
    case WIRE_KIND_VIDEO:
        return video_decode(decoding);
    case WIRE_KIND_TRANSCODE:
    case WIRE_KIND_COUNT:
        break;
    }
    return decoding_fail(decoding, WIRE_REASON_INTERNAL, "This is not a decoder's work.");
}

static struct wire_message answer(struct decoding *decoding)
{
    if (run(decoding) && private_write(decoding))
        return (struct wire_message){.type = WIRE_DECODED, .decoded = {decoding->results}};
    return (struct wire_message){.type = WIRE_UNDECODABLE,
                                 .undecodable = {decoding->reason, decoding->message}};
}

/* The parent is ours: a request that does not fit is a bug, and the child ends. */
static bool serve_one(int socket, struct arena *arena, const struct parcel *parcel)
{
    struct wire_message request;

    if (wire_decode(arena, parcel->message, &request) || request.type != WIRE_DECODE ||
        parcel->fd_count != 1 + request.decode.outputs_count)
        return false;
    struct decoding decoding = {
        .arena = arena,
        .request = request.decode,
        .input = parcel->fds[0],
        .outputs = parcel->fds + 1,
        .give_up_ms = clock_ms() + request.decode.deadline_ms,
    };
    struct wire_message result = answer(&decoding);
    return send_message(socket, &result);
}

void decode_serve(int socket)
{
    static struct parcel parcel;
    struct arena *arena = arena_new();
    bool going = true;

    while (going && receive(socket, &parcel)) {
        going = serve_one(socket, arena, &parcel);
        for (size_t i = 0; i < parcel.fd_count; i++)
            close(parcel.fds[i]);
        arena_reset(arena);
    }
    arena_free(arena);
}
