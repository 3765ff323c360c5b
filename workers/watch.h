/* watch.h: what a process looks like from outside. */
#pragma once

#include <stdint.h>

/* Resident memory of a process without the files that it maps, in bytes; 0 when it is gone. */
uint64_t watch_own_bytes(int pid);
