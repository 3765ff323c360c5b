/* plan.h: which programs a hub consists of and what each is told, decided from the settings before
 * anything is started. Pure but for looking where programs are. */
#pragma once

#include "base/config.h"
#include "supervisor/child.h"

enum { PLAN_CHILDREN_MAX = 257 };

/* In the order of starting; they are stopped in reverse groups: servers, then redis. */
struct plan {
    struct child_spec redis[2];
    size_t redis_count; /* 2, or 0: --redis names a server */
    struct child_spec servers[PLAN_CHILDREN_MAX];
    size_t server_count;
    struct slice redis_url, redis_volatile_url;
};

/* data: absolute path of the data folder, which is the current folder; start_folder: where the hub
 * was started, for relative paths in settings. False with one sentence in *problem. */
bool plan_make(struct arena *arena, const struct config *config, struct slice data,
               struct slice start_folder, struct plan *plan, struct slice *problem);

/* Where the blobs are: an absolute path. */
struct slice plan_store_folder(struct arena *arena, const struct config *config, struct slice data,
                               struct slice start_folder);

/* The file of the key under which secrets are sealed: an absolute path. */
struct slice plan_key_file(struct arena *arena, const struct config *config, struct slice data,
                           struct slice start_folder);
