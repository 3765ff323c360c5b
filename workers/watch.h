/* watch.h: what a process looks like from outside. */
#pragma once

#include <stdint.h>

/* Resident memory of a process in bytes; 0 when it is gone. */
uint64_t watch_resident_bytes(int pid);
