/* password.h: Argon2id on a thread of its own, so that neither the loop nor the disk pool waits.
 * One password is looked at at a time, and whose it is goes around the sources that ask (turns.h),
 * so that a flood of guesses from many addresses cannot starve an honest login. Hashes of other
 * makers are verified when their parameters are within m <= 256 MiB, t <= 10, p <= 8 (checked
 * first: hostile ones are obeyed otherwise). */
#pragma once

#include "base/turns.h"

struct password_thread;

struct password_thread *password_thread_start(void);
void password_thread_stop(struct password_thread *thread);

/* The thread belongs to whoever has the turn, who may look at other things meanwhile, shortly.
 * ERR_OVERLOADED: no turn. Suspends. */
enum err password_turn_take(struct task *task, struct password_thread *thread,
                            const struct turns_asker *asker);
void password_turn_end(struct password_thread *thread);

/* Takes a turn for itself. m = 19456 KiB, t = 2, p = 1 (about 30 ms). Suspends. */
enum err password_hash(struct task *task, struct password_thread *thread,
                       const struct turns_asker *asker, struct slice password, struct slice *phc);

/* What a hash costs to verify: its memory, written over as often as it has passes. */
struct password_kind {
    uint32_t memory_kib, passes;
};
enum { PASSWORD_KINDS_MAX = 6 };
struct password_kinds {
    struct password_kind list[PASSWORD_KINDS_MAX];
    size_t n;
};

/* Of password_hash(). */
#define PASSWORD_KIND_OWN                                                                          \
    {                                                                                              \
        19456, 2                                                                                   \
    }

/* False: one kind too many, or (of a hash) none that is acceptable. */
bool password_kinds_add(struct password_kinds *kinds, struct slice phc);
bool password_kinds_add_kind(struct password_kinds *kinds, struct password_kind kind);

/* In one's turn. Whatever phc is, the same work is done: one verification of each kind, of which at
 * most one is real. The asker's source is doubted or trusted by what comes out. kinds NULL: our own
 * kind. ERR_UNAUTHORIZED: another password, or phc is empty (no such account), not acceptable or of
 * none of the kinds. Suspends. */
enum err password_verify(struct task *task, struct password_thread *thread,
                         const struct password_kinds *kinds, const struct turns_asker *asker,
                         struct slice password, struct slice phc);

/* Argon2id within the bounds above? (What password_verify() asks before it computes.) */
bool password_phc_acceptable(struct slice phc);
/* Memory times passes of everything that was computed so far, in KiB. */
uint64_t password_work_kib(const struct password_thread *thread);
size_t password_waiting(const struct password_thread *thread);
/* Blocking, for the command line. */
struct slice password_hash_now(struct arena *arena, struct slice password);
bool password_holds_now(struct arena *arena, struct slice password, struct slice phc);
