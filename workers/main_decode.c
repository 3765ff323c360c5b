/* mediahub-decode: the decoder of most photos, and what becomes ffmpeg, as "mediahub-decode
 * transcode RECIPE...". */
#include "decode/photo.h"
#include "decode/program.h"
#include "decode/transcode.h"

#include <string.h>

int main(int argc, char **argv)
{
    program_begin();
    if (argc > 2 && strcmp(argv[1], "transcode") == 0) {
        transcode_exec(argv + 2);
        return 1;
    }
    program_serve(argc, &photo_skill);
}
