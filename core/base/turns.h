/* turns.h: something that one fiber at a time may use, shared fairly among those who ask. Whoever
 * asks belongs to a source (a client's address, say) within a group (the network that it is in).
 * The turn goes to the group that has waited longest for one, of it to the source that has, so that
 * a crowd behind one address, or behind a thousand of one network, holds others up by one turn.
 *
 * There are three classes, which take turns in turn: whoever the caller knows to be honest;
 * strangers; and the doubtful, who asked in bad faith lately (turns_doubt()). So no crowd of one
 * class holds anybody of another up by more than two turns.
 *
 * Bounded: past TURNS_EACH waiting fibers of one source it gets no more, past TURNS_ALL of all the
 * latest of the largest group in the worst class gives up. Loop thread only. */
#pragma once

#include "base/err.h"
#include "base/task.h"

enum {
    TURNS_EACH = 200,
    TURNS_ALL = 256,
    TURNS_WAIT_MS = 25000,       /* longest wait; shorter where the task's deadline is */
    TURNS_DOUBT_MS = 15 * 60000, /* how long a source stays doubtful */
};

/* Texts of any form; source names one within all groups. */
struct turns_asker {
    struct slice source, group;
    bool known;
};

struct turns;

struct turns *turns_new(void);
void turns_free(struct turns *turns); /* asserts that nobody waits */

/* Waits for the turn. ERR_OVERLOADED: too many wait, the time is over, or whoever asked has gone
 * meanwhile; the turn is then not ours. Suspends. */
enum err turns_take(struct task *task, struct turns *turns, const struct turns_asker *asker);
void turns_end(struct turns *turns);

void turns_doubt(struct turns *turns, struct slice source, bool doubtful);
size_t turns_waiting(const struct turns *turns);
