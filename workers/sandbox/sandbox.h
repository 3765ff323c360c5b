/* sandbox.h: gives up what decoding does not need, in this order: core dumps and many descriptors
 * (rlimits), gaining rights (no_new_privs), the file system and TCP (Landlock, as far as the kernel
 * has it), system calls (seccomp). Works without any privilege. Irrevocable; call it after all
 * libraries are initialised, from the only thread. */
#pragma once

#include "wire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* What was reached. Each layer is best effort: an old kernel gives less, and the log says so. */
struct sandbox_level {
    unsigned landlock; /* the kernel's ABI that is enforced; 0: none */
    bool seccomp;
    bool no_new_privileges;
};

/* All three are the whole; files or calls alone are a part. */
enum wire_hold sandbox_hold(struct sandbox_level level);

/* Makes what sandbox_enter_decoder() loads, so that it costs each child of this process less;
 * without it every child makes its own. False: it cannot be made. */
bool sandbox_prepare_decoder(void);

/* For the child that decodes: no file is opened, no socket made, nothing exec'd or forked, no
 * memory made executable, and no more than memory_bytes of it taken. Open descriptors go on
 * working; threads may start. */
struct sandbox_level sandbox_enter_decoder(uint64_t memory_bytes);

/* For the moment before exec of `program`: it and its shared libraries can be read, `input` (an
 * open file) be read again by name and `output` be written; no network, no other process. */
struct sandbox_level sandbox_enter_transcoder(const char *program, int input, int output);

/* False in builds with AddressSanitizer, whose shadow is terabytes of data: there memory_bytes is
 * not heeded. */
bool sandbox_limits_memory(void);
