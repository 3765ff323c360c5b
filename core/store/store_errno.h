/* store_errno.h: what a failed system call of the store means to whoever asked. */
#pragma once

#include "base/err.h"

/* ERR_NOT_FOUND, ERR_STORAGE_FULL, ERR_OVERLOADED, or ERR_INTERNAL, which is logged here with the
 * call's name. Any thread. */
enum err store_errno(const char *what, int error);
