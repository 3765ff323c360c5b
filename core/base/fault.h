/* fault.h: places where a test build can be told to die as in a crash. Compiled in by the CMake
 * option MEDIAHUB_FAULTS; otherwise the macros are nothing.
 *
 * MEDIAHUB_FAULT in the environment names a folder. A file in it, named like a point of fault.def,
 * arms that point: the next process that passes it removes the file and ends by SIGKILL. One file
 * is thus one death, whoever restarts lives, and a test can arm when everything is under load. */
#pragma once

#include <stdbool.h>

/* Is this line of the environment to be handed to child processes? Never without fault points. */
bool fault_is_setting(const char *line);
/* That folder; NULL: none is named, or there are no fault points. */
const char *fault_folder(void);

#ifdef MEDIAHUB_FAULTS

enum fault {
#define FAULT(symbol, name) FAULT_##symbol,
#include "base/fault.def"
#undef FAULT
};

#define FAULT_POINT(symbol) fault_point(FAULT_##symbol)
/* The death comes when the loop has next written to Redis; loop thread only. */
#define FAULT_POINT_ONCE_WRITTEN(symbol) fault_point_once_written(FAULT_##symbol)
#define FAULT_WRITTEN() fault_written()

void fault_point(enum fault fault); /* any thread */
void fault_point_once_written(enum fault fault);
void fault_written(void);

#else

#define FAULT_POINT(symbol) ((void)0)
#define FAULT_POINT_ONCE_WRITTEN(symbol) ((void)0)
#define FAULT_WRITTEN() ((void)0)

#endif
