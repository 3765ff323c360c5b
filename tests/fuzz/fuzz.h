/* fuzz.h: the entry point that libFuzzer, or replay.c over the seeds, calls with each input. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
