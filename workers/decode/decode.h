/* decode.h: what a decode child does with its request. */
#pragma once

#include "decode/decoding.h"

/* All of a process's libraries, before the sandbox closes. */
void decode_libraries_init(void);

/* The exit status of a child that a library ended for want of memory. */
enum { DECODE_NO_MEMORY = 3 };

/* `decoded`, `undecodable` or `needs`; its texts live in the decoding's arena. */
struct wire_message decode_run(struct decoding *decoding);
