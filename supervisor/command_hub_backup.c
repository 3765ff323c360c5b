/* mediahub backup FOLDER [--without-key] [options]: all of a hub, while it runs, as of one instant:
 * every record of then, and all content that they name. What the back-up before has already is
 * linked. mediahub restore takes it back. */
#include "store/store.h"
#include "supervisor/backup_folder.h"
#include "supervisor/command.h"
#include "supervisor/visit.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/timer.h"
#include "state/blob.h"
#include "state/identity.h"
#include "state/pulse.h"
#include "state/redis_copy.h"
#include "store/mirror.h"
#include "store/walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WALK_ENTRIES = 32, MARGIN_MS = 60000 /* clocks of the disk and of us differ */ };

struct backup {
    struct visit *visit;
    const char *root;
    bool without_key;
    struct timer pulse;
    struct store *store;
    struct backup_folder folder;
    struct mirror mirror;
    uint64_t since_ms; /* what was touched since then may be new */
    uint64_t flipped;
    struct slice problem;
    enum err err;

    /* of one step on the pool */
    struct arena *arena;
    struct slice *hashes;
    size_t n;
};

static bool fail(struct backup *backup, enum err err, const char *what)
{
    if (!backup->problem.n)
        backup->problem = arena_printf(backup->visit->arena, "the back-up has failed %s: %.*s",
                                       what, SLICE_ARG(err_row(err)->message));
    return false;
}

/* -- Content ---------------------------------------------------------------------------------- */

static void copy_one(struct backup *backup, struct slice hash)
{
    enum err err = mirror_blob(&backup->mirror, hash);

    if (err == ERR_UNPROCESSABLE) {
        backup->flipped++;
        fprintf(stderr, "mediahub: flipped blob %.*s\n", SLICE_ARG(hash));
        err = OK;
    }
    if (err == ERR_NOT_FOUND) /* missing in the store too: a finding of mediahub check */
        return;
    if (err == OK)
        err = mirror_variants(&backup->mirror, hash);
    if (err != OK)
        backup->err = err;
}

static void copy_hashes(void *arg)
{
    struct backup *backup = arg;

    for (size_t i = 0; i < backup->n && backup->err == OK; i++)
        copy_one(backup, backup->hashes[i]);
}

/* All that is referred to now. */
static bool copy_referenced(struct task *task, struct backup *backup)
{
    struct state *state = backup->visit->state;

    for (unsigned p = 0; p < state->partitions && backup->err == OK; p++) {
        uint64_t cursor = 0;

        do {
            struct task page = *task;

            page.arena = arena_new();
            backup->err = blob_scan(&page, state, p, &cursor, &backup->hashes, &backup->n);
            if (backup->err == OK)
                task_offload(&page, copy_hashes, backup);
            arena_free(page.arena);
        } while (cursor && backup->err == OK);
    }
    return backup->err == OK || fail(backup, backup->err, "at the content");
}

/* On the pool: what came, or was used again, since we began. */
static void copy_touched(void *arg)
{
    struct backup *backup = arg;
    const enum store_area areas[] = {STORE_BLOBS, STORE_VARIANTS};
    struct store_entry entries[WALK_ENTRIES];
    size_t n;

    for (size_t a = 0; a < sizeof areas / sizeof *areas; a++) {
        struct store_walk *walk = store_walk_open(backup->store, areas[a]);

        while (backup->err == OK && (n = store_walk_next(walk, entries, WALK_ENTRIES)) > 0)
            for (size_t i = 0; i < n && backup->err == OK; i++)
                if (entries[i].changed_ms >= backup->since_ms)
                    copy_one(backup, slice_from(entries[i].hex));
        store_walk_close(walk);
    }
    if (backup->err == OK)
        backup->err = mirror_file(&backup->mirror, "hub");
}

/* -- State ------------------------------------------------------------------------------------ */

static bool write_text(int at, const char *name, const char *text)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return fine;
}

/* On the pool. Redis 7 keeps its log in several files: a base, here the whole state, and what came
 * after it, here nothing. */
static void copy_state(void *arg)
{
    struct backup *backup = arg;
    int folder = openat(backup->folder.fd, BACKUP_STATE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int base =
        openat(folder, "appendonly.aof.1.base.rdb", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = base >= 0 &&
                redis_copy(backup->arena, backup->visit->plan.redis_url, base, &backup->problem);

    fine = fine && write_text(folder, "appendonly.aof.1.incr.aof", "") &&
           write_text(folder, "appendonly.aof.manifest",
                      "file appendonly.aof.1.base.rdb seq 1 type b\n"
                      "file appendonly.aof.1.incr.aof seq 1 type i\n");
    if (base >= 0)
        close(base);
    if (folder >= 0)
        close(folder);
    if (!fine)
        backup->err = ERR_INTERNAL;
    /* The server's own file, which it never reads: its log counts. */
    if (backup->visit->plan.redis_count)
        unlink("redis/state/dump.rdb");
}

/* -- All of it -------------------------------------------------------------------------------- */

static void on_pulse(struct timer *timer)
{
    struct backup *backup = CONTAINER_OF(timer, struct backup, pulse);

    pulse_beat(backup->visit->state, PULSE_BACKUP);
    timer_start(timer, PULSE_PERIOD_MS, on_pulse);
}

static bool copy_small_files(struct backup *backup)
{
    struct arena *arena = backup->visit->arena;
    int data = open(arena_cstr(arena, backup->visit->data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *key = arena_cstr(arena, backup->visit->key_file);
    bool fine = backup->without_key || backup_copy_tree(arena, AT_FDCWD, key, backup->folder.fd,
                                                        "hub.key", &backup->problem);

    fine =
        fine && (data < 0 || backup_copy_tree(arena, data, "backup-repository", backup->folder.fd,
                                              "backup-repository", &backup->problem));
    if (data >= 0)
        close(data);
    return fine;
}

/* The state's instant comes after all that was referred to before is safe. Whatever it names beyond
 * that was touched in between, and nothing leaves the store meanwhile. */
static bool copy_all(struct task *task, struct backup *backup)
{
    backup->since_ms = clock_unix_ms() - MARGIN_MS;
    if (!copy_referenced(task, backup))
        return false;
    backup->arena = backup->visit->arena;
    task_offload(task, copy_state, backup);
    if (backup->err != OK)
        return fail(backup, backup->err, "at the state");
    task_offload(task, copy_touched, backup);
    if (backup->err != OK)
        return fail(backup, backup->err, "at the content");
    return copy_small_files(backup);
}

static bool open_mirror(struct backup *backup)
{
    backup->mirror = (struct mirror){
        .from = store_fd(backup->store),
        .to = openat(backup->folder.fd, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .before = backup->folder.before < 0
                      ? -1
                      : openat(backup->folder.before, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    return backup->mirror.to >= 0;
}

static void close_mirror(struct backup *backup)
{
    if (backup->mirror.to >= 0)
        close(backup->mirror.to);
    if (backup->mirror.before >= 0)
        close(backup->mirror.before);
}

static bool make_backup(struct task *task, struct backup *backup)
{
    struct visit *visit = backup->visit;
    struct slice root = slice_from(backup->root);
    struct identity identity;

    if (backup->root[0] != '/')
        root = arena_printf(visit->arena, "%.*s/%s", SLICE_ARG(visit->start_folder), backup->root);
    enum err err = identity_load(task, visit->state, &identity);
    if (err != OK)
        return fail(backup, err, "at the state");
    if (!backup_folder_begin(visit->arena, root, &backup->folder, &backup->problem))
        return false;
    bool made =
        open_mirror(backup) && copy_all(task, backup) &&
        backup_folder_finish(visit->arena, &backup->folder, identity.text, &backup->problem);
    close_mirror(backup);
    if (!made)
        backup_folder_discard(visit->arena, root, &backup->folder);
    return made;
}

static int run(struct task *task, struct visit *visit)
{
    struct backup *backup = visit->arg;

    backup->visit = visit;
    backup->store = visit_store(task, visit);
    if (!backup->store)
        return EXIT_FAILURE;
    on_pulse(&backup->pulse);
    bool made = make_backup(task, backup);
    timer_stop(&backup->pulse);
    if (made)
        printf("%.*s: %llu files copied (%llu bytes), %llu linked\n",
               SLICE_ARG(backup->folder.path), (unsigned long long)backup->mirror.copied,
               (unsigned long long)backup->mirror.bytes, (unsigned long long)backup->mirror.linked);
    else
        visit_failed(visit, "%.*s", SLICE_ARG(backup->problem));
    backup_folder_close(&backup->folder);
    store_close(backup->store);
    return made && !backup->flipped ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int take_options(int argc, char **argv, bool *without_key)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--without-key") == 0)
            *without_key = true;
        else
            argv[left++] = argv[i];
    }
    return left;
}

int command_backup(int argc, char **argv)
{
    static struct backup backup = {.folder = {-1, -1, -1, NULL, {NULL, 0}}};
    static struct visit visit = {.arg = &backup};

    if (argc < 1 || argv[0][0] == '-')
        process_fail("usage: mediahub backup FOLDER [--without-key] [options]");
    backup.root = argv[0];
    argc = take_options(argc - 1, argv + 1, &backup.without_key);
    visit_begin(&visit, argc, argv + 1);
    return visit_run(&visit, run);
}
