#include "catalogue/applied.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLIED_MAGIC = 0x4d484131 };

/* As it lies in the file. `turn` is odd while the writer is at it; whoever reads while it is, or
 * finds it changed afterwards, reads again. */
struct shared {
    uint32_t magic, partitions;
    uint64_t turn, phase, database;
    uint64_t beat_ms, done, total, complaint; /* each by itself */
    struct head heads[];
};

struct applied {
    struct shared *shared;
    size_t bytes;
    int fd; /* the writer's, with the lock; else -1 */
    char *path;
    struct stat file;
};

static size_t size_for(unsigned partitions)
{
    return sizeof(struct shared) + partitions * sizeof(struct head);
}

/* Takes over fd. NULL: errno says why. */
static struct applied *map(const char *path, int fd, unsigned partitions)
{
    struct applied *applied = MEM_NEW(struct applied);
    size_t n = strlen(path) + 1;

    applied->bytes = size_for(partitions);
    applied->fd = fd;
    void *at = fstat(fd, &applied->file) == 0
                   ? mmap(NULL, applied->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    if (at == MAP_FAILED) {
        close(fd);
        mem_free(applied);
        return NULL;
    }
    applied->shared = at;
    applied->path = mem_alloc_raw(n);
    memcpy(applied->path, path, n);
    return applied;
}

/* A new file, so that gateways never take what a dead writer left for this one's; locked for its
 * life, so that they know which is which. */
static int make_file(const char *path, unsigned partitions)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, (off_t)size_for(partitions)) == 0)
        return fd;
    close(fd);
    return -1;
}

struct applied *applied_make(const char *path, unsigned partitions)
{
    struct arena *arena = arena_new();
    const char *draft = arena_printf(arena, "%s.new", path).p;

    unlink(draft);
    int fd = make_file(draft, partitions);
    struct applied *applied = fd < 0 ? NULL : map(path, fd, partitions);
    if (applied) {
        applied->shared->magic = APPLIED_MAGIC;
        applied->shared->partitions = partitions;
        if (rename(draft, path) != 0) {
            applied_close(applied);
            applied = NULL;
        }
    }
    arena_free(arena);
    return applied;
}

/* Its writer holds a lock as long as it lives. */
static bool has_writer(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return false;
}

struct applied *applied_open(const char *path, unsigned partitions)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat found;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &found) != 0 || (size_t)found.st_size != size_for(partitions) ||
        !has_writer(fd)) {
        close(fd);
        return NULL;
    }
    struct applied *applied = map(path, fd, partitions);
    if (applied &&
        (applied->shared->magic != APPLIED_MAGIC || applied->shared->partitions != partitions)) {
        applied_close(applied);
        return NULL;
    }
    if (applied) {
        close(applied->fd);
        applied->fd = -1;
    }
    return applied;
}

void applied_close(struct applied *applied)
{
    if (!applied)
        return;
    munmap(applied->shared, applied->bytes);
    if (applied->fd >= 0)
        close(applied->fd);
    mem_free(applied->path);
    mem_free(applied);
}

bool applied_is_there(const struct applied *applied)
{
    struct stat now;

    return stat(applied->path, &now) == 0 && now.st_ino == applied->file.st_ino &&
           now.st_dev == applied->file.st_dev && (size_t)now.st_size == applied->bytes;
}

void applied_publish(struct applied *applied, enum applied_phase phase, uint64_t database,
                     const struct head *heads)
{
    struct shared *shared = applied->shared;

    __atomic_store_n(&shared->turn, shared->turn + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    shared->phase = phase;
    shared->database = database;
    if (heads)
        memcpy(shared->heads, heads, shared->partitions * sizeof *heads);
    __atomic_store_n(&shared->turn, shared->turn + 1, __ATOMIC_RELEASE);
}

void applied_beat(struct applied *applied, uint64_t unix_ms)
{
    __atomic_store_n(&applied->shared->beat_ms, unix_ms, __ATOMIC_RELAXED);
}

void applied_progress(struct applied *applied, uint64_t done, uint64_t total)
{
    __atomic_store_n(&applied->shared->done, done, __ATOMIC_RELAXED);
    __atomic_store_n(&applied->shared->total, total, __ATOMIC_RELAXED);
}

enum { LOOKS_MAX = 1000 }; /* at a writer that died in the middle */

static bool is_steady(const struct shared *shared, uint64_t turn)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !(turn & 1) && __atomic_load_n(&shared->turn, __ATOMIC_RELAXED) == turn;
}

void applied_look(const struct applied *applied, struct applied_view *out)
{
    const struct shared *shared = applied->shared;
    uint64_t turn;
    unsigned looks = 0;

    do {
        turn = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE);
        out->phase = (enum applied_phase)shared->phase;
        out->database = shared->database;
    } while (!is_steady(shared, turn) && ++looks < LOOKS_MAX);
    out->beat_ms = __atomic_load_n(&shared->beat_ms, __ATOMIC_RELAXED);
    out->done = __atomic_load_n(&shared->done, __ATOMIC_RELAXED);
    out->total = __atomic_load_n(&shared->total, __ATOMIC_RELAXED);
}

void applied_head(const struct applied *applied, unsigned partition, struct head *out)
{
    const struct shared *shared = applied->shared;
    uint64_t turn;
    unsigned looks = 0;

    do {
        turn = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE);
        *out = shared->heads[partition];
    } while (!is_steady(shared, turn) && ++looks < LOOKS_MAX);
    out->hash[sizeof out->hash - 1] = '\0';
}

void applied_complain(struct applied *applied, uint64_t database)
{
    __atomic_store_n(&applied->shared->complaint, database, __ATOMIC_RELAXED);
}

uint64_t applied_complaint(const struct applied *applied)
{
    return __atomic_load_n(&applied->shared->complaint, __ATOMIC_RELAXED);
}

struct slice applied_file(struct arena *arena, struct slice folder, uint64_t database)
{
    return arena_printf(arena, "%.*s/catalogue-%llu.db", SLICE_ARG(folder),
                        (unsigned long long)database);
}

struct slice applied_path(struct arena *arena, struct slice data)
{
    return arena_printf(arena, "%.*s/run/catalogue", SLICE_ARG(data));
}

struct slice applied_folder(struct arena *arena, struct slice data)
{
    return arena_printf(arena, "%.*s/catalogue", SLICE_ARG(data));
}
