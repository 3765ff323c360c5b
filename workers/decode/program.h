/* program.h: main() of the decoders' programs (decode.h), as a worker starts them. */
#pragma once

#include "decode/decode.h"

/* Becomes another user if the worker says so (reader.h there), and may not outlive it. */
void program_begin(void);
/* Keeps only the descriptors below: not every library of the worker's marks its own. */
void program_close_from(unsigned fd);
/* The template, which forks a sandboxed child for each request on descriptor 3, until that is
 * closed. Arguments are refused. */
_Noreturn void program_serve(int argc, const struct decode_skill *skill);
