#include "gateway/surroundings.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/memory.h"
#include "base/timer.h"
#include "gateway/gateway.h"
#include "state/pulse.h"

#include <sys/stat.h>
#include <unistd.h>

/* A dispatcher that is started again, or a volatile server that has lost its memory, is no death.
 */
enum { MISSED_MS = 3 * PULSE_PERIOD_MS };

struct surroundings {
    struct gateway *gateway;
    struct timer timer;
    bool running, stopping;
    uint64_t felt_ms;
};

static void on_timer(struct timer *timer);

static void feel(struct task *task, void *arg)
{
    struct surroundings *surroundings = arg;
    enum err err = pulse_feel(task, surroundings->gateway->state, PULSE_DISPATCHER);

    surroundings->running = false;
    if (surroundings->stopping) {
        mem_free(surroundings);
        return;
    }
    if (err != ERR_NOT_FOUND)
        surroundings->felt_ms = clock_ms();
    timer_start(&surroundings->timer, PULSE_PERIOD_MS, on_timer);
}

static void on_timer(struct timer *timer)
{
    struct surroundings *surroundings = CONTAINER_OF(timer, struct surroundings, timer);

    surroundings->running = task_spawn(feel, surroundings);
    if (!surroundings->running)
        timer_start(timer, PULSE_PERIOD_MS, on_timer);
}

struct surroundings *surroundings_start(struct gateway *gateway)
{
    struct surroundings *surroundings = MEM_NEW(struct surroundings);

    surroundings->gateway = gateway;
    surroundings->felt_ms = clock_ms();
    timer_start(&surroundings->timer, PULSE_PERIOD_MS, on_timer);
    return surroundings;
}

void surroundings_stop(struct surroundings *surroundings)
{
    if (!surroundings)
        return;
    timer_stop(&surroundings->timer);
    surroundings->stopping = true;
    if (!surroundings->running)
        mem_free(surroundings);
}

bool surroundings_has_dispatcher(const struct surroundings *surroundings)
{
    return !surroundings || clock_ms() - surroundings->felt_ms < MISSED_MS;
}

/* -- Folders ---------------------------------------------------------------------------------- */

static const char *const folders[] = {"backup.config_path"};

struct folder_look {
    const struct config *config;
    bool there;
};

static void look(void *arg)
{
    struct folder_look *look = arg;
    struct stat info;

    look->there = true;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *path = config_text(look->config, folders[i]).p;

        if (*path &&
            (stat(path, &info) != 0 || !S_ISDIR(info.st_mode) || access(path, R_OK | X_OK) != 0))
            look->there = false;
    }
}

bool surroundings_has_folders(struct task *task, const struct gateway *gateway)
{
    struct folder_look found = {.config = gateway->config};

    task_offload(task, look, &found);
    return found.there;
}
