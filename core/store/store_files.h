/* store_files.h: the store's folder as the other modules of this library need it. */
#pragma once

#include "store/store.h"

#include <time.h>

int store_fd(const struct store *store); /* of the folder, to which all paths are relative */
uint64_t store_time_ms(const struct timespec *at);
