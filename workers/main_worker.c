/* mediahub-worker: does the jobs of one or more gateways. */
#include "base/fiber.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "workers/worker.h"

#include <stdlib.h>

enum { MAX_FIBERS = 128 };

static void on_end(void *arg)
{
    process_stop_watching();
}

static void on_stop(void *arg)
{
    worker_stop(arg, on_end, NULL);
}

/* What a setting says, or else a path in the data folder. */
static struct slice setting_or(struct arena *arena, const struct config *config, const char *name,
                               const char *scheme, const char *path)
{
    struct slice value = config_text(config, name);

    if (value.n)
        return value;
    return arena_printf(arena, "%s%.*s/%s", scheme, SLICE_ARG(config_text(config, "data")), path);
}

int main(int argc, char **argv)
{
    char *problem = NULL;

    process_init("worker");
    struct config *config = process_config(argc, argv);
    struct arena *arena = arena_new();
    uv_loop_t *loop = loop_init(MAX_FIBERS);
    /* Fewer heaps, less memory that is free but kept: the decoder has few threads. */
    setenv("MALLOC_ARENA_MAX", "2", 0);
    struct worker_settings settings = {
        .urls = setting_or(arena, config, "jobs", "ipc://", "run/jobs-0.ipc"),
        .store = setting_or(arena, config, "store", "", "store"),
        .kinds = config_text(config, "kinds"),
        .data = config_text(config, "data"),
        .user = config_text(config, "workers.user"),
        .memory_bytes = config_number(config, "workers.memory"),
        .sandbox_off = slice_eq(config_text(config, "sandbox"), SLICE("off")),
    };
    struct worker *worker = worker_start(&settings, &problem);
    if (!worker)
        process_fail("%s", problem);
    process_on_stop(loop, on_stop, worker);
    process_ready();
    uv_run(loop, UV_RUN_DEFAULT);
    arena_free(arena);
    config_free(config);
    return loop_fini() ? 0 : 1;
}
