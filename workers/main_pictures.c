/* mediahub-decode-pictures: the decoder of pictures of all kinds. */
#include "decode/program.h"
#include "pictures/pictures.h"

int main(int argc, char **argv)
{
    program_begin();
    program_serve(argc, &pictures_skill);
}
