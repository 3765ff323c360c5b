/* task.h: what a piece of straight-line work carries along: its memory, its deadline and whether
 * whoever asked has gone. A function that takes a struct task * (or a struct request *, which
 * begins with one) first may suspend its fiber; one that takes neither may not. */
#pragma once

#include "base/arena.h"
#include "base/fiber.h"

struct task {
    struct arena *arena;     /* lives exactly as long as the task */
    uint64_t deadline_ms;    /* clock_ms() by which every await ends; 0: none */
    bool cancelled;          /* set when the asker went away; read it after an await */
    struct slice request_id; /* for logs and Redis-side tracing; empty outside requests */
};

/* Runs fn(task, arg) on a fiber with a fresh task and arena. False: no fiber is left. */
typedef void task_fn(struct task *task, void *arg);
bool task_spawn(task_fn *fn, void *arg);

/* The shorter of limit_ms and what is left of the deadline; never 0. */
uint64_t task_timeout_ms(const struct task *task, uint64_t limit_ms);

/* Runs fn(arg) on libuv's thread pool and suspends until it has returned; it cannot time out,
 * because fn may still use what the caller owns. For disk, hashing and other blocking work. */
void task_offload(struct task *task, void (*fn)(void *arg), void *arg);
