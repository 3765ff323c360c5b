/* mediahub-decode-films: the decoder of clips and recordings. */
#include "decode/program.h"
#include "films/films.h"

int main(int argc, char **argv)
{
    program_begin();
    program_serve(argc, &films_skill);
}
