#include "workers/transcode.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/timer.h"
#include "workers/decoders.h"
#include "workers/tail.h"
#include "workers/watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <uv.h>

enum {
    WATCH_MS = 250,
    STALL_MS = 15000, /* without a line of progress and without a byte written */
    LINE_MAX_BYTES = 1024,
    LOG_MAX_BYTES = 4096, /* the last of what it says */
    NICENESS = 10,
};

struct run {
    const struct transcode *transcode;
    uv_process_t process;
    uv_pipe_t progress, log;
    struct timer watch;
    struct fiber_wait over; /* process and pipes are closed */
    size_t open_handles;
    bool exited;
    int64_t status;
    enum transcode_end killed_as;  /* TRANSCODE_DONE: not killed */
    uint64_t started_ms, alive_ms; /* clock_ms() */
    uint64_t looked_ms;
    bool paused;
    struct timespec written; /* the output's mtime when last looked at */
    struct transcode_progress told;
    struct buf line, tail;
    bool lent; /* the files, to another user */
    char room[4096];
};

void transcode_note_progress(struct transcode_progress *progress, struct slice line)
{
    struct slice key, value;
    uint64_t number;

    slice_split(line, '=', &key, &value);
    /* "N/A" until the first frame is written, and negative for streams that begin before zero. */
    if (!slice_to_u64(slice_trim(value), &number))
        return;
    if (slice_eq(key, SLICE("frame")))
        progress->frames = number;
    if (!slice_eq(key, SLICE("out_time_us")) || !progress->duration_ms)
        return;
    uint64_t done = number / 10 / progress->duration_ms;
    progress->percent = done > 99 ? 99 : (unsigned)done;
}

static void on_closed(uv_handle_t *handle)
{
    struct run *run = handle->data;

    if (--run->open_handles == 0)
        fiber_resume(&run->over);
}

static void kill_run(struct run *run, enum transcode_end why)
{
    if (run->exited || run->killed_as != TRANSCODE_DONE)
        return;
    run->killed_as = why;
    uv_process_kill(&run->process, SIGKILL);
}

/* The last pass (moving the index to the front) reports nothing, but it writes. */
static bool has_written(struct run *run)
{
    struct stat status;

    if (fstat(run->transcode->output, &status) != 0 ||
        (status.st_mtim.tv_sec == run->written.tv_sec &&
         status.st_mtim.tv_nsec == run->written.tv_nsec))
        return false;
    run->written = status.st_mtim;
    return true;
}

static void heed_pause(struct run *run, uint64_t now_ms)
{
    if (run->paused) {
        run->started_ms += now_ms - run->looked_ms;
        run->alive_ms += now_ms - run->looked_ms;
    }
    run->looked_ms = now_ms;
    if (run->exited || run->paused == *run->transcode->paused)
        return;
    run->paused = !run->paused;
    uv_process_kill(&run->process, run->paused ? SIGSTOP : SIGCONT);
}

static void on_watch(struct timer *timer)
{
    struct run *run = CONTAINER_OF(timer, struct run, watch);
    uint64_t now_ms = clock_ms();

    timer_start(timer, WATCH_MS, on_watch);
    heed_pause(run, now_ms);
    if (has_written(run))
        run->alive_ms = now_ms;
    if (*run->transcode->cancelled)
        kill_run(run, TRANSCODE_CANCELLED);
    else if (now_ms - run->alive_ms > STALL_MS ||
             now_ms - run->started_ms > run->transcode->deadline_ms)
        kill_run(run, TRANSCODE_STALLED);
    else if (watch_own_bytes(run->process.pid) > run->transcode->memory_bytes)
        kill_run(run, TRANSCODE_OUT_OF_MEMORY);
}

static void on_exit_of_ffmpeg(uv_process_t *process, int64_t status, int signal)
{
    struct run *run = process->data;

    run->exited = true;
    run->status = signal ? -signal : status;
    timer_stop(&run->watch);
    uv_close((uv_handle_t *)process, on_closed);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct run *run = handle->data;

    *room = uv_buf_init(run->room, sizeof(run->room));
}

static void tell_percent(const struct run *run)
{
    const struct transcode *transcode = run->transcode;
    unsigned width = transcode->percent_to - transcode->percent_from;

    *transcode->percent = transcode->percent_from + run->told.percent * width / 100;
}

static void take_lines(struct run *run)
{
    struct slice rest = buf_slice(&run->line), line;
    size_t at;

    while (slice_find(rest, '\n', &at)) {
        line = (struct slice){rest.p, at};
        rest = slice_from_offset(rest, at + 1);
        transcode_note_progress(&run->told, line);
    }
    buf_consume(&run->line, run->line.n - rest.n);
    tell_percent(run);
}

static void on_progress(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct run *run = stream->data;

    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    run->alive_ms = clock_ms();
    if (!buf_add(&run->line, (struct slice){bytes->base, (size_t)n}))
        buf_clear(&run->line); /* no line of ffmpeg's is that long */
    take_lines(run);
}

static void on_log(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct run *run = stream->data;

    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    struct slice text = {bytes->base, (size_t)n};
    if (text.n > LOG_MAX_BYTES)
        text = slice_from_offset(text, text.n - LOG_MAX_BYTES);
    if (run->tail.n + text.n > LOG_MAX_BYTES)
        buf_consume(&run->tail, run->tail.n + text.n - LOG_MAX_BYTES);
    buf_add(&run->tail, text);
}

/* exec takes unqualified strings for historical reasons only. */
static char **command_line(struct task *task, const struct run *run, const char *program)
{
    const char **recipe = recipe_arguments(task->arena, &run->transcode->recipe);
    size_t n = 0;

    while (recipe[n])
        n++;
    char **arguments = ARENA_ARRAY(task->arena, char *, n + 3);
    arguments[0] = (char *)(uintptr_t)program;
    arguments[1] = (char *)(uintptr_t) "transcode";
    memcpy(arguments + 2, recipe, (n + 1) * sizeof(*recipe));
    return arguments;
}

/* Where files cannot be lent ffmpeg stays who we are, behind Landlock and the filter alone. */
static void lend(struct run *run)
{
    const struct transcode *transcode = run->transcode;

    if (!transcode->user->stranger)
        return;
    run->lent = reader_user_lend(transcode->user, transcode->input, transcode->output);
    if (!run->lent)
        log_event(LOG_WARN, "transcoder_not_another_user", F("why", strerror(errno)));
}

static int spawn(struct task *task, struct run *run)
{
    static const struct reader_user nobody_else = {.other = false};
    const char *program = process_sibling(task->arena, DECODERS_SMALLEST);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->progress},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->log},
        {.flags = UV_INHERIT_FD, .data.fd = run->transcode->input},
        {.flags = UV_INHERIT_FD, .data.fd = run->transcode->output},
    };
    uv_process_options_t options = {
        .file = program,
        .args = command_line(task, run, program),
        .env = decoder_environment(task->arena, run->lent ? run->transcode->user : &nobody_else),
        .exit_cb = on_exit_of_ffmpeg,
        .stdio = stdio,
        .stdio_count = 5,
    };
    return uv_spawn(loop_get(), &run->process, &options);
}

static void begin(struct run *run)
{
    run->started_ms = run->alive_ms = run->looked_ms = clock_ms();
    /* Thumbnails that are made meanwhile go first. */
    setpriority(PRIO_PROCESS, (id_t)run->process.pid, NICENESS);
    timer_start(&run->watch, WATCH_MS, on_watch);
    uv_read_start((uv_stream_t *)&run->progress, on_room, on_progress);
    uv_read_start((uv_stream_t *)&run->log, on_room, on_log);
}

static void fail_to_begin(struct run *run, int failed)
{
    log_event(LOG_ERROR, "transcoder_start_failed", F("why", uv_strerror(failed)));
    run->killed_as = TRANSCODE_UNAVAILABLE;
    uv_close((uv_handle_t *)&run->process, on_closed);
    uv_close((uv_handle_t *)&run->progress, on_closed);
    uv_close((uv_handle_t *)&run->log, on_closed);
}

static enum transcode_end judge(struct task *task, struct run *run, struct slice *words)
{
    struct stat status;

    *words = tail_for_people(task->arena, buf_slice(&run->tail));
    if (run->killed_as != TRANSCODE_DONE)
        return run->killed_as;
    if (run->status < 0)
        return TRANSCODE_CRASHED;
    /* ffmpeg can end well without having written anything, or without a frame beside the sound. */
    bool made = run->status == 0 && run->told.frames > 0 &&
                fstat(run->transcode->output, &status) == 0 && status.st_size > 0;
    return made ? TRANSCODE_DONE : TRANSCODE_REFUSED;
}

enum transcode_end transcode_run(struct task *task, const struct transcode *transcode,
                                 struct slice *words)
{
    struct run *run = MEM_NEW(struct run);

    run->transcode = transcode;
    run->told.duration_ms = transcode->recipe.clip->duration_ms;
    run->process.data = run->progress.data = run->log.data = run;
    run->open_handles = 3;
    buf_init(&run->line, LINE_MAX_BYTES + sizeof(run->room));
    buf_init(&run->tail, LOG_MAX_BYTES);
    uv_pipe_init(loop_get(), &run->progress, 0);
    uv_pipe_init(loop_get(), &run->log, 0);
    lend(run);
    int failed = spawn(task, run);
    if (failed)
        fail_to_begin(run, failed);
    else
        begin(run);
    fiber_await(&run->over, FIBER_FOREVER); /* the watch ends it */
    if (run->lent)
        reader_user_take_back(transcode->input, transcode->output);
    enum transcode_end end = judge(task, run, words);
    buf_fini(&run->line);
    buf_fini(&run->tail);
    mem_free(run);
    return end;
}
