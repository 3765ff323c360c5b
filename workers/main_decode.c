/* mediahub-decode: the sandboxed child of a worker. Without arguments it answers requests on
 * descriptor 3 until that is closed; as "mediahub-decode transcode PIXELS" it becomes ffmpeg. */
#include "base/log.h"
#include "base/process.h"
#include "decode/decode.h"
#include "decode/sandbox.h"
#include "decode/transcode.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SOCKET = 3 };

static void tell_level(struct sandbox_level level)
{
    struct wire_message message = {
        .type = WIRE_SANDBOX, .sandbox = {level.landlock, level.seccomp, level.no_new_privileges}};
    struct buf out;

    buf_init(&out, WIRE_MAX_BYTES);
    wire_encode(&out, &message);
    if (write(SOCKET, buf_slice(&out).p, buf_slice(&out).n) < 0)
        _exit(1);
    buf_fini(&out);
}

int main(int argc, char **argv)
{
    uint64_t pixels;

    process_init("decode");
    process_ignore_hangup();
    /* Whoever started it, it dies with its worker. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 3 && strcmp(argv[1], "transcode") == 0 &&
        slice_to_u64(slice_from(argv[2]), &pixels)) {
        transcode_exec(pixels);
        return 1;
    }
    if (argc != 1)
        process_fail("mediahub-decode is started by mediahub-worker");
    /* The filter forbids memory that is executable, which liborc would compile into. */
    setenv("VIPS_NOVECTOR", "1", 1);
    decode_libraries_init();
    tell_level(sandbox_enter_decoder());
    decode_serve(SOCKET);
    /* No clean-up handlers: some would look for files and threads that the sandbox forbids. */
    _exit(0);
}
