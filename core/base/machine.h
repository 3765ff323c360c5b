/* machine.h: what the machine, or the container that we run in, has. */
#pragma once

#include <stdint.h>

uint64_t machine_memory(void); /* bytes */
