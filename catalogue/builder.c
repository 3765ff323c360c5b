#include "catalogue_process/builder.h"

#include "base/clock.h"
#include "base/log.h"
#include "catalogue/catalogue.h"
#include "catalogue_process/files.h"
#include "state/media_members.h"
#include "state/stream.h"

#include <assert.h>
#include <stdio.h>

enum { AGAIN_MS = 100 };

/* What is written on a disk thread, while the loop waits. */
struct writing {
    struct catalogue *catalogue;
    struct arena *arena;
    const struct media *media;
    size_t n;
    const struct head *heads;
    unsigned partitions;
    const char *path, *final;
    bool fine;
};

static void create(void *arg)
{
    struct writing *writing = arg;

    writing->catalogue = catalogue_create(writing->path);
    writing->fine = writing->catalogue != NULL;
}

static void write_media(void *arg)
{
    struct writing *writing = arg;

    writing->fine = catalogue_begin(writing->catalogue);
    for (size_t i = 0; i < writing->n && writing->fine; i++)
        writing->fine = catalogue_put(writing->catalogue, writing->arena, &writing->media[i]);
    writing->fine = writing->fine && catalogue_commit(writing->catalogue);
}

static void complete(void *arg)
{
    struct writing *writing = arg;

    writing->fine = catalogue_begin(writing->catalogue);
    for (unsigned i = 0; i < writing->partitions && writing->fine; i++)
        writing->fine = catalogue_place(writing->catalogue, i, &writing->heads[i]);
    writing->fine = writing->fine && catalogue_commit(writing->catalogue) &&
                    catalogue_complete(writing->catalogue);
    catalogue_close(writing->catalogue);
    writing->catalogue = NULL;
    writing->fine = writing->fine && rename(writing->path, writing->final) == 0;
}

static void abandon(void *arg)
{
    struct writing *writing = arg;

    catalogue_close(writing->catalogue);
    remove(writing->path);
}

/* Again and again while the state server is away. */
static enum err read_heads(struct task *task, struct build *build)
{
    enum err err;

    while ((err = stream_heads(task, build->state, build->heads)) == ERR_STATE_UNAVAILABLE &&
           !*build->stopping)
        fiber_sleep(AGAIN_MS);
    return err;
}

static enum err read_total(struct task *task, struct build *build, uint64_t *total)
{
    enum err err = OK;

    *total = 0;
    for (unsigned i = 0; i < build->state->partitions && err == OK; i++) {
        uint64_t n;

        err = media_count(task, build->state, i, &n);
        *total += n;
    }
    return err;
}

/* -- Reading ahead ---------------------------------------------------------------------------- */

/* While a page is written, the next one is read. */
struct page {
    struct arena *arena;
    struct media *media;
    size_t n;
    enum err err;
};

struct scan {
    struct build *build;
    struct writing *writing;
    unsigned partition; /* of the next page; all of them: there is none */
    uint64_t cursor, done, total;
    struct page ahead;
    bool reading;
    struct fiber_wait read;
};

static bool has_more(const struct scan *scan)
{
    return scan->partition < scan->build->state->partitions;
}

static void read_page(struct task *task, void *arg)
{
    struct scan *scan = arg;
    struct page *page = &scan->ahead;
    uint64_t cursor = scan->cursor;

    *page = (struct page){.arena = arena_new()};
    struct task reading = {.arena = page->arena};
    page->err =
        media_scan(&reading, scan->build->state, scan->partition, &cursor, &page->media, &page->n);
    if (page->err == OK) {
        scan->cursor = cursor;
        scan->partition += cursor == 0;
    }
    fiber_resume(&scan->read);
}

static void begin_reading(struct scan *scan)
{
    scan->reading = true;
    scan->read = (struct fiber_wait){0};
    bool spawned = task_spawn(read_page, scan);
    assert(spawned); /* this process has a handful of fibers */
    (void)spawned;
}

static struct page end_reading(struct scan *scan)
{
    fiber_await(&scan->read, FIBER_FOREVER);
    scan->reading = false;
    return scan->ahead;
}

static enum err write_page(struct task *task, struct scan *scan, const struct page *page)
{
    struct writing *writing = scan->writing;

    writing->arena = page->arena;
    writing->media = page->media;
    writing->n = page->n;
    task_offload(task, write_media, writing);
    scan->done += page->n;
    applied_progress(scan->build->applied, scan->done, scan->total);
    return writing->fine ? OK : ERR_STORAGE_FULL;
}

/* Takes the page that was read, has the next one read, and writes it. */
static enum err copy_page(struct task *task, struct scan *scan)
{
    struct page page = end_reading(scan);
    enum err err = *scan->build->stopping ? ERR_DRAINING : page.err;

    if (err == ERR_STATE_UNAVAILABLE) {
        fiber_sleep(AGAIN_MS);
        err = OK;
    }
    if (err == OK && has_more(scan))
        begin_reading(scan);
    if (err == OK && page.err == OK)
        err = write_page(task, scan, &page);
    arena_free(page.arena);
    return err;
}

static enum err copy_all(struct task *task, struct scan *scan)
{
    enum err err = OK;

    begin_reading(scan);
    while (scan->reading && err == OK)
        err = copy_page(task, scan);
    if (scan->reading)
        arena_free(end_reading(scan).arena);
    return err;
}

static enum err fill(struct task *task, struct build *build, struct writing *writing)
{
    struct scan scan = {.build = build, .writing = writing};
    enum err err = read_heads(task, build);

    if (err == OK)
        err = read_total(task, build, &scan.total);
    applied_progress(build->applied, 0, scan.total);
    if (err == OK)
        err = copy_all(task, &scan);
    if (err != OK)
        return err;
    media_forget_old_sets(task, build->state); /* else at the next build */
    task_offload(task, complete, writing);
    return writing->fine ? OK : ERR_STORAGE_FULL;
}

enum err builder_run(struct task *task, struct build *build)
{
    struct arena *arena = task->arena;
    uint64_t started_ms = clock_ms(), now_ms = clock_unix_ms();
    struct writing writing = {.heads = build->heads, .partitions = build->state->partitions};

    build->database = build->database < now_ms ? now_ms : build->database + 1;
    writing.path = arena_cstr(arena, files_new(arena, build->folder, build->database));
    writing.final = arena_cstr(arena, applied_file(arena, build->folder, build->database));
    task_offload(task, create, &writing);
    enum err err = writing.fine ? fill(task, build, &writing) : ERR_STORAGE_FULL;
    if (err != OK) {
        if (writing.catalogue)
            task_offload(task, abandon, &writing);
        return err;
    }
    log_event(LOG_INFO, "catalogue_built", F("ms", (long long)(clock_ms() - started_ms)));
    return OK;
}
