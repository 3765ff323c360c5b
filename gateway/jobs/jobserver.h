/* jobserver.h: hands jobs out to workers over nng (REP, a context per request) and takes their
 * results. A worker's `ready` waits here until a job can be claimed, at most 25 s; the one that has
 * waited longest gets it. A lease ends when the worker's pipe closes, its heartbeat stops or the
 * deadline passes. Messages: schemas/wire.yaml. nng's callbacks run on its threads: they only post
 * to the loop; everything that asks Redis runs on a fiber.
 *
 * There are 256 contexts, opened before listening, of which a worker holds four at most, one of
 * them parked: good for 120 workers per gateway and more, beyond which `ready` is answered with
 * "ask again in a second". */
#pragma once

#include "base/slice.h"

struct gateway;
struct jobserver;

/* url: nng's, ipc:// (the socket is made 0600), tcp:// or inproc://. NULL with a line in *problem
 * (mem_free): somebody listens there already, or the URL is no good. */
struct jobserver *jobserver_start(struct gateway *gateway, struct slice url, char **problem);

/* Answers "drain" to the parked first; waits for that 100 ms at most. Jobs under way stay leased:
 * their results go to another gateway, or to this one's successor. The memory goes with the loop.
 */
void jobserver_stop(struct jobserver *server);

/* Is a worker connected, and has one been heard of since it was last due to speak? In the first
 * moments, before one had the time to come, it is taken for granted. */
bool jobserver_has_worker(const struct jobserver *server);

/* The least that holds the decoders of the workers that have lately asked for work (wire.yaml,
 * hold); false: none ever has. */
bool jobserver_hold(const struct jobserver *server, uint64_t *hold);

void jobserver_wake(struct jobserver *server); /* a job may be waiting: called on media events */
