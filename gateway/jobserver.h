/* jobserver.h: hands jobs out to workers over nng (REP, a context per parked worker) and takes
 * their results. A worker's `ready` waits here until a job can be claimed, at most 25 s. A lease
 * ends when the worker's pipe closes, its heartbeat stops or the deadline passes. Messages:
 * schemas/wire.yaml. nng's callbacks run on its threads: they only post to the loop. */
#pragma once

#include "base/slice.h"

struct gateway;
struct jobserver;

/* NULL on failure, with a static text in *problem. */
struct jobserver *jobserver_start(struct gateway *gateway, struct slice url, const char **problem);
/* Answers "drain" to the parked, closes, and frees itself from the loop. */
void jobserver_stop(struct jobserver *server);
void jobserver_wake(struct jobserver *server); /* a job may be waiting: called on media events */
