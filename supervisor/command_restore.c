/* mediahub restore FOLDER [options]: makes a hub's data folder and store of a back-up (the newest
 * in FOLDER, or FOLDER itself), where there is none yet. Of the content it takes what the records
 * of the back-up name. */
#include "store/store.h"
#include "supervisor/backup_folder.h"
#include "supervisor/command.h"
#include "supervisor/data_folder.h"
#include "supervisor/visit.h"

#include "base/memory.h"
#include "base/process.h"
#include "state/blob.h"
#include "store/mirror.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct restore {
    struct visit *visit;
    int backup; /* its folder */
    struct mirror mirror;
    uint64_t blobs, missing;
    enum err err;
    struct slice *hashes; /* of one step on the pool */
    size_t n;
};

static void copy_hashes(void *arg)
{
    struct restore *restore = arg;

    for (size_t i = 0; i < restore->n && restore->err == OK; i++) {
        enum err err = mirror_blob(&restore->mirror, restore->hashes[i]);

        if (err == ERR_NOT_FOUND || err == ERR_UNPROCESSABLE) {
            printf("%s blob %.*s\n", err == ERR_NOT_FOUND ? "missing" : "flipped",
                   SLICE_ARG(restore->hashes[i]));
            restore->missing++;
            err = OK;
        }
        if (err == OK)
            err = mirror_variants(&restore->mirror, restore->hashes[i]);
        restore->blobs++;
        restore->err = err;
    }
}

static enum err copy_referenced(struct task *task, struct restore *restore)
{
    struct state *state = restore->visit->state;

    for (unsigned p = 0; p < state->partitions && restore->err == OK; p++) {
        uint64_t cursor = 0;

        do {
            struct task page = *task;

            page.arena = arena_new();
            restore->err = blob_scan(&page, state, p, &cursor, &restore->hashes, &restore->n);
            if (restore->err == OK)
                task_offload(&page, copy_hashes, restore);
            arena_free(page.arena);
        } while (cursor && restore->err == OK);
    }
    return restore->err;
}

static int fill_store(struct task *task, struct visit *visit)
{
    struct restore *restore = visit->arg;
    char *why = NULL;
    struct store *store = store_open(visit->store_folder, 0, &why);

    if (!store) {
        int status = visit_failed(visit, "%s", why);
        mem_free(why);
        return status;
    }
    restore->visit = visit;
    restore->mirror = (struct mirror){
        .from = openat(restore->backup, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .to = store_fd(store),
        .before = -1,
    };
    enum err err = copy_referenced(task, restore);
    if (err == OK)
        err = mirror_sync(&restore->mirror);
    /* The mark last: where it ends half-way, no hub starts on what there is. */
    if (err == OK)
        err = mirror_file(&restore->mirror, "hub");
    if (err == OK)
        err = mirror_sync(&restore->mirror);
    store_close(store);
    if (err != OK)
        return visit_failed(visit,
                            "the content could not be restored: %.*s; remove %.*s, and try "
                            "again",
                            SLICE_ARG(err_row(err)->message), SLICE_ARG(visit->data));
    printf(
        "%.*s: %llu blobs restored, %llu missing or flipped; mediahub check looks at all of it\n",
        SLICE_ARG(visit->data), (unsigned long long)restore->blobs,
        (unsigned long long)restore->missing);
    return restore->missing ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void must(bool fine, struct slice problem)
{
    if (!fine)
        process_fail("%.*s", SLICE_ARG(problem));
}

/* State, key and the files of the Backup Repository; the current folder stays. */
static void fill_data(struct arena *arena, int backup, const struct config *config)
{
    struct slice problem = SLICE_NONE;
    struct slice path = config_text(config, "data"), key = config_text(config, "key_file");
    struct slice data = data_folder_make(arena, path, &problem);

    must(data.n > 0, problem);
    int to = open(arena_cstr(arena, data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(backup_copy_tree(arena, backup, BACKUP_STATE_FOLDER, to, "redis/state/appendonlydir",
                          &problem),
         problem);
    must(backup_copy_tree(arena, backup, "backup-repository", to, "backup-repository", &problem),
         problem);
    if (key.n)
        must(access(key.p, F_OK) == 0 ||
                 backup_copy_tree(arena, backup, "hub.key", AT_FDCWD, key.p, &problem),
             problem);
    else
        must(backup_copy_tree(arena, backup, "hub.key", to, "hub.key", &problem), problem);
    close(to);
}

int command_restore(int argc, char **argv)
{
    static struct restore restore;
    static struct visit visit = {.arg = &restore};
    struct arena *arena = process_arena();

    if (argc < 1 || argv[0][0] == '-')
        process_fail("usage: mediahub restore FOLDER [options]");
    struct config *config = process_settings(argc - 1, argv + 1, EXIT_FAILURE);
    if (config_text(config, "redis").n)
        process_fail("a back-up is restored into a data folder with Redis servers of its own: "
                     "without --redis");
    struct slice found = backup_folder_find(arena, slice_from(argv[0]));
    if (!found.n)
        process_fail("there is no finished back-up in %s", argv[0]);
    restore.backup = open(arena_cstr(arena, found), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (restore.backup < 0)
        process_fail("the back-up %.*s cannot be read", SLICE_ARG(found));
    fill_data(arena, restore.backup, config);
    config_free(config);
    visit_begin(&visit, argc - 1, argv + 1);
    return visit_run(&visit, fill_store);
}
