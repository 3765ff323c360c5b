#include "workers/lane.h"

#include "base/clock.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SHARE_MIB = 64,
    MAX_SHARES = 1 << 14, /* a terabyte */
    LOOK_MS = 20,
    /* Places of the file. */
    GATE = 0,    /* held by whoever gathers: nobody new takes shares meanwhile */
    BIG = 1,     /* by the one that needs very much */
    SHARES = 64, /* and as many more, one byte each */
};
static const uint64_t SHARE_BYTES = (uint64_t)SHARE_MIB << 20;
static const uint64_t BIG_BYTES = 512ULL << 20;

struct lane {
    int fd;
    unsigned count;       /* shares that there are */
    unsigned taken, last; /* by us; where we found one last */
    bool has[MAX_SHARES];
    bool gate, big; /* held by us */
};

/* Locks of the open file, not of the process (fcntl(2), F_OFD_SETLK). */
static bool lock(const struct lane *lane, int type, off_t at)
{
    struct flock flock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    return fcntl(lane->fd, F_OFD_SETLK, &flock) == 0;
}

static int open_file(struct slice folder)
{
    struct arena *arena = arena_new();
    struct slice path = arena_printf(arena, "%.*s/run/memory", SLICE_ARG(folder));
    int fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        log_event(LOG_INFO, "memory_not_shared", F("path", path), F("why", strerror(errno)));
        fd = memfd_create("memory", MFD_CLOEXEC);
    }
    arena_free(arena);
    return fd;
}

struct lane *lane_open(struct slice folder, uint64_t bytes)
{
    struct lane *lane = MEM_NEW(struct lane);
    uint64_t all = bytes ? bytes : machine_memory() / 2;

    if (all < LANE_LEAST_BYTES)
        all = LANE_LEAST_BYTES;
    lane->count = all / SHARE_BYTES < MAX_SHARES ? (unsigned)(all / SHARE_BYTES) : MAX_SHARES;
    lane->fd = open_file(folder);
    return lane;
}

void lane_close(struct lane *lane)
{
    close(lane->fd);
    mem_free(lane);
}

uint64_t lane_most_bytes(const struct lane *lane)
{
    return lane->count * SHARE_BYTES;
}

/* As many as are free, up to `wanted` in all; true: it has them. */
static bool gather(struct lane *lane, unsigned wanted)
{
    for (unsigned i = 0; i < lane->count && lane->taken < wanted; i++) {
        unsigned at = (lane->last + i) % lane->count;

        if (lane->has[at] || !lock(lane, F_WRLCK, SHARES + at))
            continue;
        lane->has[at] = true;
        lane->taken++;
    }
    return lane->taken >= wanted;
}

static void give_back(struct lane *lane)
{
    for (unsigned at = 0; at < lane->count && lane->taken > 0; at++) {
        if (!lane->has[at])
            continue;
        lock(lane, F_UNLCK, SHARES + at);
        lane->has[at] = false;
        lane->taken--;
        lane->last = at;
    }
}

static bool hold(struct lane *lane, bool *held, off_t at)
{
    if (!*held)
        *held = lock(lane, F_WRLCK, at);
    return *held;
}

static void let_go(struct lane *lane, bool *held, off_t at)
{
    if (*held)
        lock(lane, F_UNLCK, at);
    *held = false;
}

/* The gate is tried, and not kept but by a picture that has to gather: it keeps what it has got
 * already, so that those who end make room for it alone. */
static bool try_enter(struct lane *lane, enum lane_kind kind, uint64_t bytes)
{
    unsigned wanted = (unsigned)((bytes + SHARE_BYTES - 1) / SHARE_BYTES);
    bool gathers = kind == LANE_PICTURE && bytes > LANE_LEAST_BYTES;

    if (kind == LANE_PICTURE && bytes > BIG_BYTES && !hold(lane, &lane->big, BIG))
        return false;
    if (!hold(lane, &lane->gate, GATE))
        return false;
    bool fine = gather(lane, wanted);
    if (!fine && gathers)
        return false;
    let_go(lane, &lane->gate, GATE);
    if (!fine)
        give_back(lane);
    return fine;
}

bool lane_enter(struct lane *lane, enum lane_kind kind, uint64_t bytes, const bool *cancelled,
                uint64_t patience_ms)
{
    uint64_t until_ms = clock_ms() + patience_ms;

    while (!try_enter(lane, kind, bytes)) {
        if (*cancelled || clock_ms() >= until_ms) {
            lane_leave(lane);
            return false;
        }
        fiber_sleep(LOOK_MS);
    }
    return true;
}

void lane_leave(struct lane *lane)
{
    give_back(lane);
    let_go(lane, &lane->gate, GATE);
    let_go(lane, &lane->big, BIG);
}
