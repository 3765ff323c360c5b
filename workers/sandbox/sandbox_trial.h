/* sandbox_trial.h: what the sandboxes reach, deny and allow on the machine at hand, tried by
 * children of their own: the proof of sandbox.h. Blocks; forks; from the only thread. */
#pragma once

#include "base/slice.h"
#include "sandbox/sandbox.h"

enum trial_end {
    TRIAL_RIGHT,
    TRIAL_WRONG,    /* let through, or denied what is needed */
    TRIAL_NOT_HERE, /* the kernel or this build lacks what would deny it */
};

/* What a decoder's child reaches. */
struct sandbox_level sandbox_probe(void);

/* Makes every trial and calls fn with each: "decoder, reading a file: denied". Those of the worker
 * are root's alone. How many ended wrongly; -1: no trial could be made. */
int sandbox_try(void (*fn)(void *arg, struct slice line, enum trial_end end), void *arg);
