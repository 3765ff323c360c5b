/* mediahub-catalogue: fills the catalogue that the gateways of this host answer lists from
 * (core/catalogue): builds it where there is none that goes on, and follows the event streams. */
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"
#include "base/timer.h"
#include "catalogue_process/builder.h"
#include "catalogue_process/files.h"
#include "catalogue_process/follower.h"
#include "state/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIBERS_MAX = 16,
    AGAIN_MS = 1000,
    READY_AFTER_MS = 5000, /* of building: whoever waits for us may go on, lists come later */
};

static struct {
    const struct config *config;
    struct arena *arena;
    struct state *state;
    struct slice folder;
    const char *page;
    struct applied *applied;
    struct follower follower;
    struct head *heads;
    struct timer beat;
    uint64_t started_ms;
    uint64_t open; /* the number of the file that is open; 0: none */
    bool stopping, ready;
} program;

/* -- Alive ------------------------------------------------------------------------------------ */

static void tell_ready(void)
{
    if (program.ready)
        return;
    program.ready = true;
    process_ready();
}

static bool has_file(uint64_t database)
{
    struct arena *arena = arena_new();
    bool found = access(applied_file(arena, program.folder, database).p, F_OK) == 0;

    arena_free(arena);
    return found;
}

/* Somebody took the page or the file away, or found it damaged. */
static bool is_lost(void)
{
    return program.open && (!applied_is_there(program.applied) || !has_file(program.open) ||
                            applied_complaint(program.applied) == program.open);
}

static void on_beat(struct timer *timer)
{
    timer_start(timer, APPLIED_BEAT_MS, on_beat);
    applied_beat(program.applied, clock_unix_ms());
    if (is_lost())
        follower_end(&program.follower);
    if (clock_ms() - program.started_ms >= READY_AFTER_MS)
        tell_ready();
}

/* -- A file to go on with --------------------------------------------------------------------- */

struct opening {
    uint64_t database;
    unsigned partitions;
    struct head *heads;
    struct catalogue *catalogue;
};

static void open_now(void *arg)
{
    struct opening *opening = arg;
    struct arena *arena = arena_new();

    if (!opening->database)
        opening->database = files_newest(program.folder);
    if (opening->database)
        opening->catalogue =
            catalogue_open(applied_file(arena, program.folder, opening->database).p,
                           opening->partitions, opening->heads);
    files_remove_others(arena, program.folder, opening->catalogue ? opening->database : 0);
    arena_free(arena);
}

static void close_now(void *arg)
{
    catalogue_close(arg);
}

/* Is it of the history that there is? How long that one reaches back, the stream will tell. */
static bool continues(struct task *task, const struct head *heads)
{
    struct head *now = ARENA_ARRAY(task->arena, struct head, program.state->partitions);
    enum err err;

    while ((err = stream_heads(task, program.state, now)) != OK && !program.stopping)
        fiber_sleep(AGAIN_MS);
    for (unsigned i = 0; i < program.state->partitions && err == OK; i++)
        if (!stream_may_continue(&heads[i], &now[i]))
            return false;
    return err == OK;
}

/* database 0: the newest there is. NULL: none to go on with. */
static struct catalogue *open_catalogue(struct task *task, uint64_t *database)
{
    struct opening opening = {
        .database = *database, .partitions = program.state->partitions, .heads = program.heads};

    task_offload(task, open_now, &opening);
    *database = opening.database;
    if (!opening.catalogue || continues(task, program.heads))
        return opening.catalogue;
    task_offload(task, close_now, opening.catalogue);
    return NULL;
}

/* NULL: we stop, or it could not be built, and is to be tried again. */
static struct catalogue *build(struct task *task, uint64_t *database)
{
    struct build how = {.state = program.state,
                        .applied = program.applied,
                        .folder = program.folder,
                        .stopping = &program.stopping,
                        .database = *database,
                        .heads = program.heads};

    applied_publish(program.applied, APPLIED_BUILDING, 0, NULL);
    enum err err = builder_run(task, &how);
    *database = how.database;
    if (err == OK)
        return open_catalogue(task, database);
    if (!program.stopping) {
        log_event(LOG_ERROR, "catalogue_not_built", F("reason", err_row(err)->slug));
        fiber_sleep(AGAIN_MS);
    }
    return NULL;
}

/* -- The run ---------------------------------------------------------------------------------- */

static void make_page(void)
{
    struct slice data = config_text(program.config, "data");
    struct slice run = arena_printf(program.arena, "%.*s/run", SLICE_ARG(data));

    applied_close(program.applied);
    program.applied = NULL;
    if (files_prepare(program.arena, run) && files_prepare(program.arena, program.folder))
        program.applied = applied_make(program.page, program.state->partitions);
    if (!program.applied)
        process_fail("the catalogue's page %s cannot be made: %s", program.page, strerror(errno));
    applied_beat(program.applied, clock_unix_ms());
}

static void follow(struct task *task, struct catalogue *catalogue, uint64_t database)
{
    program.follower = (struct follower){.state = program.state,
                                         .applied = program.applied,
                                         .catalogue = catalogue,
                                         .database = database,
                                         .heads = program.heads};
    program.open = database;
    tell_ready();
    follower_run(&program.follower);
    program.open = 0;
    applied_publish(program.applied, APPLIED_OPENING, 0, NULL);
    task_offload(task, close_now, catalogue);
}

static bool wait_for_state(struct task *task)
{
    enum err err =
        state_wait(task, program.state, (unsigned)config_number(program.config, "partitions"),
                   config_number(program.config, "redis_wait") * 1000, STATE_TELL_AFTER_MS);

    if (err == ERR_STATE_UNAVAILABLE && !program.stopping)
        exit(EXIT_FAILURE); /* all has been said */
    if (err != OK && !program.stopping)
        process_fail("the state server holds nothing that this version can read");
    return err == OK && !program.stopping;
}

static void run(struct task *task, void *arg)
{
    uint64_t database = 0;

    if (wait_for_state(task)) {
        program.heads = ARENA_ARRAY(program.arena, struct head, program.state->partitions);
        make_page();
        on_beat(&program.beat);
        struct catalogue *catalogue = open_catalogue(task, &database);
        while (!program.stopping) {
            if (!catalogue)
                catalogue = build(task, &database);
            if (!catalogue || program.stopping) /* who is to stop has been told already */
                continue;
            follow(task, catalogue, database);
            catalogue = NULL;
            arena_reset(task->arena);
            if (!program.stopping && !applied_is_there(program.applied))
                make_page();
        }
        if (catalogue)
            task_offload(task, close_now, catalogue);
        timer_stop(&program.beat);
    }
    state_close(program.state);
    process_stop_watching();
}

static void on_stop(void *arg)
{
    program.stopping = true;
    follower_end(&program.follower);
}

int main(int argc, char **argv)
{
    process_init("mediahub-catalogue");
    struct config *config = process_config(argc, argv);
    struct slice durable = config_text(config, "redis");

    program.config = config;
    program.arena = arena_new();
    program.started_ms = clock_ms();
    program.folder = applied_folder(program.arena, config_text(config, "data"));
    program.page = applied_path(program.arena, config_text(config, "data")).p;
    uv_loop_t *loop = loop_init(FIBERS_MAX);
    if (durable.n == 0)
        process_fail("--redis is needed: the state server whose records are to be listed");
    program.state = state_open(durable, config_text(config, "redis_volatile"));
    if (!program.state)
        process_fail("--redis or --redis-volatile is not a Redis URL");
    process_on_stop(loop, on_stop, NULL);
    if (!task_spawn(run, NULL))
        abort();
    uv_run(loop, UV_RUN_DEFAULT);
    applied_close(program.applied);
    bool clean = loop_fini();
    arena_free(program.arena);
    config_free(config);
    return clean ? EXIT_SUCCESS : EXIT_FAILURE;
}
