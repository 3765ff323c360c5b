/* child.h: one process of the hub: started, watched, started again with a growing pause when it
 * dies, stopped when told. Knows fork, exec and signals; must not know what the program does.
 *
 * Every child is the leader of a process group of its own, so that a Ctrl-C at the terminal reaches
 * only the supervisor, and dies with the supervisor (PR_SET_PDEATHSIG), so that a killed one leaves
 * nothing behind. Its standard output goes to standard error: the hub's own has one line. */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

struct child;

struct child_spec {
    const char *name;        /* for logs */
    const char *const *argv; /* [0]: the program's absolute path; ends with NULL */
    const char *const *environment;
    int stop_signal;  /* asks it to end */
    int death_signal; /* the kernel sends it when the supervisor dies */
    bool tells_ready; /* writes to MEDIAHUB_READY_FD; others are ready when started */
    bool serves;      /* the hub is not ready before it is */
};

enum { CHILD_PAUSE_MIN_MS = 200, CHILD_PAUSE_MAX_MS = 10000, CHILD_SETTLED_MS = 60000 };

/* From the loop: a child has become ready, or has ended (status as from waitpid) without having
 * been asked to, or has ended because it was asked to. */
struct child_watcher {
    void *arg;
    void (*on_ready)(void *arg, struct child *child);
    void (*on_death)(void *arg, struct child *child, int status);
    void (*on_stopped)(void *arg, struct child *child);
};

/* Once per process: children are reaped from SIGCHLD on. */
void child_watch_begin(const struct child_watcher *watcher);
void child_watch_end(void);

/* What spec points to must live as long as the child. */
struct child *child_start(const struct child_spec *spec);
void child_stop(struct child *child, uint64_t grace_ms); /* past grace_ms: SIGKILL */
void child_kill_all(void);                               /* SIGKILL to every one that runs */
/* To every one that runs and whose name begins so. */
void child_signal_all(const char *prefix, int number);
bool child_is_ready(const struct child *child);
const char *child_name(const struct child *child);
void child_free(struct child *child); /* only when stopped: asserted */
