/* visit.h: how a command of the command line comes to a hub's state: that of --redis, of the hub
 * that runs on the data folder, or of one that is stopped, whose embedded Redis pair is then
 * started for the time of the command. What cannot be done ends the process with one line. */
#pragma once

#include "base/config.h"
#include "state/state.h"
#include "store/store.h"
#include "supervisor/plan.h"

struct visit {
    int failure;    /* the exit status of what cannot be done; 0 means EXIT_FAILURE */
    bool any_store; /* whether state and store belong together is not looked at */
    struct arena *arena;
    struct config *config;
    struct slice start_folder,
        data; /* absolute; the data folder is the current one unless --redis */
    struct slice store_folder, key_file; /* absolute */
    bool own_redis;                      /* nobody runs on it */
    struct state *state;                 /* while the task runs */
    void *arg;

    /* of visit.c */
    struct plan plan;
    struct child *redis[2];
    size_t redis_left;
    bool given_up; /* the state is closed */
    int (*fn)(struct task *task, struct visit *visit);
    int exit_status;
};

/* argv: settings. */
void visit_begin(struct visit *visit, int argc, char **argv);

/* Runs fn on a fiber when the state answers, and is not the empty one beside a store that is kept
 * (bond/bond.h); its value is the exit status. Frees what the visit
 * holds. */
int visit_run(struct visit *visit, int (*fn)(struct task *task, struct visit *visit));

/* The hub's store, if it is there and belongs to it; NULL after one line on standard error. */
struct store *visit_store(struct task *task, struct visit *visit);

/* The hub's key is in use from now on; false after one line on standard error. */
bool visit_key(struct task *task, struct visit *visit);

/* One line on standard error; the status of what cannot be done. */
int visit_failed(const struct visit *visit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
