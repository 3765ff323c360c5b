#include "supervisor/check.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/memory.h"
#include "state/account.h"
#include "state/backup_version.h"
#include "state/blob.h"
#include "state/job_kind.h"
#include "state/media.h"
#include "state/media_members.h"
#include "state/usage.h"
#include "store/sniff.h"
#include "store/store_content.h"
#include "store/store_errno.h"
#include "store/walk.h"
#include "supervisor/named.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SLICE_ENTRIES = 256,
    COMMIT_WAIT_MS = 10000, /* from a blob to its record it is less, or the upload has failed */
};

__attribute__((format(printf, 2, 3))) static void found(struct check *check, const char *format,
                                                        ...)
{
    va_list args;

    check->findings++;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* -- Reading files ---------------------------------------------------------------------------- */

struct reading {
    int fd;
    uint8_t digest[SHA256_BYTES];
    struct slice mime;
    enum err err;
};

static void hash_now(void *arg)
{
    struct reading *reading = arg;
    uint64_t size;

    reading->err = store_file_hash(reading->fd, reading->digest, &size);
    close(reading->fd);
}

static void sniff_now(void *arg)
{
    struct reading *reading = arg;
    char *head = mem_alloc(SNIFF_BYTES);
    ssize_t n = read(reading->fd, head, SNIFF_BYTES);

    reading->err = n >= 0 ? OK : store_errno("read", errno);
    reading->mime = sniff_mime((struct slice){head, n > 0 ? (size_t)n : 0});
    mem_free(head);
    close(reading->fd);
}

/* -- Blobs ------------------------------------------------------------------------------------ */

static enum err check_content(struct task *task, struct check *check, struct slice hash)
{
    struct reading reading = {0};
    char hex[SHA256_HEX + 1];
    uint64_t size;
    enum err err = store_blob_open(task, check->store, hash, &reading.fd, &size);

    if (err != OK) /* collected since it was seen */
        return err == ERR_NOT_FOUND ? OK : err;
    check->blobs++;
    task_offload(task, hash_now, &reading);
    if (reading.err != OK)
        return reading.err;
    sodium_bin2hex(hex, sizeof hex, reading.digest, sizeof reading.digest);
    if (!slice_eq(hash, slice_from(hex)))
        found(check, "flipped blob %.*s", SLICE_ARG(hash));
    return OK;
}

static bool blob_is_there(struct task *task, struct check *check, struct slice hash)
{
    uint64_t size;
    int fd;

    if (store_blob_open(task, check->store, hash, &fd, &size) != OK)
        return false;
    close(fd);
    return true;
}

struct looking {
    struct store_walk *walk;
    struct store_entry entries[SLICE_ENTRIES];
    struct slice hashes[SLICE_ENTRIES];
    bool referenced[SLICE_ENTRIES];
    size_t n;
};

static void look(void *arg)
{
    struct looking *looking = arg;

    looking->n = store_walk_next(looking->walk, looking->entries, SLICE_ENTRIES);
}

static enum err ask_referenced(struct task *task, struct check *check, struct looking *looking)
{
    for (size_t i = 0; i < looking->n; i++)
        looking->hashes[i] = slice_from(looking->entries[i].hex);
    return blob_referenced(task, check->state, looking->hashes, looking->n, looking->referenced);
}

/* Leaves in the list what no record refers to. *latest_ms: when the newest of it came. */
static enum err drop_referenced(struct task *task, struct check *check, struct looking *looking,
                                uint64_t *latest_ms)
{
    enum err err = ask_referenced(task, check, looking);
    size_t n = 0;

    *latest_ms = 0;
    if (err != OK)
        return err;
    for (size_t i = 0; i < looking->n; i++) {
        if (looking->referenced[i])
            continue;
        if (looking->entries[i].changed_ms > *latest_ms)
            *latest_ms = looking->entries[i].changed_ms;
        looking->entries[n++] = looking->entries[i];
    }
    looking->n = n;
    return OK;
}

/* What has no record also after its record had the time to come. */
static enum err keep_orphans(struct task *task, struct check *check, struct looking *looking)
{
    uint64_t latest_ms, now_ms = clock_unix_ms();
    enum err err = drop_referenced(task, check, looking, &latest_ms);

    if (err != OK || latest_ms + COMMIT_WAIT_MS <= now_ms)
        return err;
    fiber_sleep(latest_ms < now_ms ? latest_ms + COMMIT_WAIT_MS - now_ms : COMMIT_WAIT_MS);
    return drop_referenced(task, check, looking, &latest_ms);
}

static enum err check_blobs(struct task *task, struct check *check, struct looking *looking)
{
    enum err err = OK;

    for (size_t i = 0; i < looking->n && err == OK; i++)
        err = check_content(task, check, slice_from(looking->entries[i].hex));
    if (err == OK)
        err = keep_orphans(task, check, looking);
    for (size_t i = 0; i < looking->n && err == OK; i++)
        found(check, "orphaned blob %s", looking->entries[i].hex);
    return err;
}

/* -- Files of variants ------------------------------------------------------------------------ */

struct folder {
    struct check *check;
    struct arena *arena;
    struct slice hash, *files;
    size_t n;
    uint64_t kept_before_ms; /* Unix */
};

static void list_now(void *arg)
{
    struct folder *folder = arg;

    folder->files = store_variant_files(folder->arena, folder->check->store, folder->hash,
                                        folder->kept_before_ms, &folder->n);
}

static void remove_files_now(void *arg)
{
    struct folder *folder = arg;

    for (size_t i = 0; i < folder->n; i++)
        store_variant_remove(folder->check->store, folder->hash, folder->files[i],
                             folder->kept_before_ms);
}

/* All records have been read by now. What was kept since we began, or so shortly before that its
 * row came behind us, is passed over. */
static void check_variant_files(struct task *task, struct check *check, struct slice hash)
{
    struct folder folder = {.check = check,
                            .arena = task->arena,
                            .hash = hash,
                            .kept_before_ms = check->started_ms - COMMIT_WAIT_MS};
    size_t n = 0;

    task_offload(task, list_now, &folder);
    for (size_t i = 0; i < folder.n; i++) {
        if (named_has(check->named, hash, folder.files[i]))
            continue;
        found(check, "orphaned variant %.*s/%.*s", SLICE_ARG(hash), SLICE_ARG(folder.files[i]));
        folder.files[n++] = folder.files[i];
    }
    folder.n = n;
    if (check->repair && n)
        task_offload(task, remove_files_now, &folder);
}

/* Where the blob is there too, it is the finding. */
static enum err check_variant_folders(struct task *task, struct check *check,
                                      struct looking *looking)
{
    enum err err = ask_referenced(task, check, looking);

    for (size_t i = 0; i < looking->n && err == OK; i++)
        if (looking->referenced[i])
            check_variant_files(task, check, looking->hashes[i]);
    if (err == OK)
        err = keep_orphans(task, check, looking);
    for (size_t i = 0; i < looking->n && err == OK; i++)
        if (!blob_is_there(task, check, slice_from(looking->entries[i].hex)))
            found(check, "orphaned variants %s", looking->entries[i].hex);
    return err;
}

static enum err check_area(struct task *task, struct check *check, enum store_area area,
                           enum err (*fn)(struct task *task, struct check *check,
                                          struct looking *looking))
{
    struct looking *looking = MEM_NEW(struct looking);
    enum err err = OK;

    looking->walk = store_walk_open(check->store, area);
    do {
        struct task slice = *task;

        slice.arena = arena_new();
        task_offload(&slice, look, looking);
        size_t seen = looking->n;
        if (seen)
            err = fn(&slice, check, looking);
        arena_free(slice.arena);
        if (!seen)
            break;
    } while (err == OK);
    store_walk_close(looking->walk);
    mem_free(looking);
    return err;
}

/* -- Media ------------------------------------------------------------------------------------ */

/* ERR_CONFLICT: it is there, and not what the row says. */
static enum err compare_print(struct task *task, struct reading *reading, uint64_t size,
                              const struct variant_made *made)
{
    char hex[SHA256_HEX + 1];

    task_offload(task, hash_now, reading);
    if (reading->err != OK)
        return reading->err;
    sodium_bin2hex(hex, sizeof hex, reading->digest, sizeof reading->digest);
    return size == made->size && slice_starts_with(slice_from(hex), made->etag) ? OK : ERR_CONFLICT;
}

static enum err look_at_variant(struct task *task, struct check *check, const struct media *media,
                                enum variant variant, struct variant_made *made)
{
    struct reading reading = {0};
    struct mask mask;
    uint64_t size;
    enum err err =
        store_made_open(task, check->store, media->sha256, variant, made, &reading.fd, &size);

    if (err != OK)
        return err;
    if (made->etag.n)
        return compare_print(task, &reading, size, made);
    if (variant_row(variant)->kind == VARIANT_MASK)
        return store_mask_read(task, reading.fd, size, &mask);
    task_offload(task, sniff_now, &reading);
    if (reading.err != OK)
        return reading.err;
    return slice_eq(reading.mime, slice_from(made->file->mime)) ? OK : ERR_CONFLICT;
}

/* What is wrong with a record's variants, and the names of their files. */
struct loss {
    bool lost[VARIANT_COUNT];
    struct slice files[VARIANT_COUNT];
    bool any;
};

/* OK also for a finding, which is noted. */
static enum err check_variant(struct task *task, struct check *check, const struct media *media,
                              enum variant variant, struct variant_made *made, struct loss *loss)
{
    enum err err = look_at_variant(task, check, media, variant, made);
    char name[VARIANT_FILE_BYTES];

    if (err != OK && err != ERR_NOT_FOUND && err != ERR_CONFLICT)
        return err;
    variant_file_name(name, made->file->name, made->etag);
    named_add(check->named, media->sha256, slice_from(name));
    if (err == OK)
        return OK;
    found(check, "%s variant %.*s/%s %.*s", err == ERR_NOT_FOUND ? "missing" : "broken",
          SLICE_ARG(media->sha256), name, SLICE_ARG(media->id));
    loss->any = loss->lost[variant] = true;
    loss->files[variant] = arena_dup(task->arena, slice_from(name));
    return OK;
}

struct removal {
    struct check *check;
    const struct media *media;
    const struct loss *loss;
};

static void remove_now(void *arg)
{
    const struct removal *removal = arg;

    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (removal->loss->lost[v])
            store_variant_remove(removal->check->store, removal->media->sha256,
                                 removal->loss->files[v], removal->check->started_ms);
}

/* The first kind that makes some of it; what makes the rest follows by itself. */
static enum job_kind job_for(const struct media *media, const struct loss *loss)
{
    static const unsigned outputs[JOB_KIND_COUNT] = {
#define JOB_KIND(name, NAME, subject, media, runner, lane, outputs, ...) [JOB_##NAME] = outputs,
#include "jobs.def"
#undef JOB_KIND
    };
    unsigned products = 0, kind = job_kind_for(media->type);

    for (enum variant v = 0; v < VARIANT_COUNT; v++)
        if (loss->lost[v])
            products |= 1u << variant_row(v)->kind;
    for (unsigned next = kind; next < JOB_KIND_COUNT; next = job_kind_row(kind)->next) {
        kind = next;
        if (outputs[kind] & products)
            break;
    }
    return (enum job_kind)kind;
}

static enum err repair(struct task *task, struct check *check, const struct media *media,
                       const struct loss *loss)
{
    struct removal removal = {check, media, loss};
    size_t n;
    struct slice *rows = variant_asked(task->arena, VARIANTS_OF(media), loss->lost, &n);

    task_offload(task, remove_now, &removal);
    enum err err = media_regenerate(task, check->state, media, rows, n, job_for(media, loss));
    if (err == ERR_CONFLICT || err == ERR_OVERTAKEN ||
        err == ERR_NOT_FOUND) /* somebody works on it just now, or it is gone */
        return OK;
    check->queued += err == OK;
    return err;
}

static enum err check_media(struct task *task, struct check *check, const struct media *media)
{
    bool original = blob_is_there(task, check, media->sha256);
    struct loss loss = {0};
    struct variant_made made;

    check->media++;
    if (!original)
        found(check, "missing blob %.*s %.*s", SLICE_ARG(media->sha256), SLICE_ARG(media->id));
    for (enum variant v = 0; v < VARIANT_COUNT; v++) {
        if (!variant_find(VARIANTS_OF(media), v, &made))
            continue;
        enum err err = check_variant(task, check, media, v, &made, &loss);
        if (err != OK)
            return err;
    }
    return loss.any && original && check->repair ? repair(task, check, media, &loss) : OK;
}

static enum err check_partition(struct task *task, struct check *check, unsigned partition)
{
    uint64_t cursor = 0;
    enum err err;

    do {
        struct task page = *task;
        struct media *media;
        size_t n;

        page.arena = arena_new();
        err = media_scan(&page, check->state, partition, &cursor, &media, &n);
        for (size_t i = 0; i < n && err == OK; i++)
            err = check_media(&page, check, &media[i]);
        arena_free(page.arena);
    } while (cursor && err == OK);
    return err;
}

/* -- Backups ---------------------------------------------------------------------------------- */

static enum err check_collection(struct task *task, struct check *check, struct slice collection)
{
    uint64_t last = 0;
    size_t n;
    enum err err;

    do {
        struct task page = *task;
        struct backup_version *versions;

        page.arena = arena_new();
        err = backup_version_after(&page, check->state, collection, last, SLICE_ENTRIES, &versions,
                                   &n);
        for (size_t i = 0; i < n; i++) {
            if (!blob_is_there(&page, check, versions[i].sha256))
                found(check, "missing blob %.*s %.*s", SLICE_ARG(versions[i].sha256),
                      SLICE_ARG(versions[i].id));
            last = versions[i].number;
        }
        check->backups += n;
        arena_free(page.arena);
    } while (err == OK && n > 0);
    return err;
}

static enum err check_backups(struct task *task, struct check *check)
{
    struct slice *collections;
    size_t n;
    enum err err = backup_collections(task, check->state, &collections, &n);

    for (size_t i = 0; i < n && err == OK; i++)
        err = check_collection(task, check, collections[i]);
    return err;
}

/* -- Usage ------------------------------------------------------------------------------------ */

static enum err check_usage(struct task *task, struct check *check, struct slice owner)
{
    struct usage_count count;
    enum err err = usage_recount(task, check->state, owner, false, &count);
    const struct usage *recorded = &count.recorded, *counted = &count.counted;

    if (err != OK || !count.known ||
        (recorded->bytes == counted->bytes && recorded->items == counted->items))
        return err;
    found(check, "wrong usage %.*s: %llu items of %llu bytes, not %llu of %llu", SLICE_ARG(owner),
          (unsigned long long)counted->items, (unsigned long long)counted->bytes,
          (unsigned long long)recorded->items, (unsigned long long)recorded->bytes);
    return check->repair ? usage_recount(task, check->state, owner, true, &count) : OK;
}

static enum err check_accounts(struct task *task, struct check *check, unsigned partition)
{
    uint64_t seen = 0;
    size_t n = 0;
    enum err err;

    do {
        struct task page = *task;
        struct slice *ids;

        page.arena = arena_new();
        err = account_ids(&page, check->state, partition, seen, SLICE_ENTRIES, &ids, &n);
        for (size_t i = 0; i < n && err == OK; i++)
            err = check_usage(&page, check, ids[i]);
        seen += n;
        arena_free(page.arena);
    } while (err == OK && n > 0);
    return err;
}

enum err check_run(struct task *task, struct check *check)
{
    check->started_ms = clock_unix_ms();
    check->named = named_new();
    enum err err = check_area(task, check, STORE_BLOBS, check_blobs);
    for (unsigned p = 0; p < check->state->partitions && err == OK; p++)
        err = check_partition(task, check, p);
    for (unsigned p = 0; p < check->state->partitions && err == OK; p++)
        err = check_accounts(task, check, p);
    if (err == OK)
        err = check_backups(task, check);
    if (err == OK)
        err = check_area(task, check, STORE_VARIANTS, check_variant_folders);
    named_free(check->named);
    return err;
}
