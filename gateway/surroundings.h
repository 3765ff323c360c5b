/* surroundings.h: what a gateway cannot do without and is no part of it, for /ready: the webhook
 * dispatcher lives, the folders that the settings name are there. (Workers: jobs/jobserver.h, the
 * store: store_works().) */
#pragma once

#include "base/task.h"

struct gateway;
struct surroundings;

struct surroundings *surroundings_start(struct gateway *gateway);
void surroundings_stop(struct surroundings *surroundings); /* NULL is allowed */

/* Felt within the last moments; while the volatile server is away nobody knows, and it is taken for
 * granted. */
bool surroundings_has_dispatcher(const struct surroundings *surroundings);
bool surroundings_has_folders(struct task *task, const struct gateway *gateway); /* suspends */
