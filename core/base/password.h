/* password.h: Argon2id on a thread of its own, so that neither the loop nor the disk pool waits.
 * Queue of 32; past it ERR_OVERLOADED. Hashes of other makers are verified when their parameters
 * are within m <= 256 MiB, t <= 10, p <= 8 (checked first: hostile ones are obeyed otherwise). */
#pragma once

#include "base/err.h"
#include "base/task.h"

struct password_thread;

struct password_thread *password_thread_start(void);
void password_thread_stop(struct password_thread *thread);

/* m = 19456 KiB, t = 2, p = 1 (about 30 ms). */
enum err password_hash(struct task *task, struct password_thread *thread, struct slice password,
                       struct slice *phc);
/* phc empty: the account does not exist; the same time is spent and ERR_UNAUTHORIZED given. */
enum err password_verify(struct task *task, struct password_thread *thread, struct slice password,
                         struct slice phc);
/* Argon2id within the bounds above? (What password_verify() asks before it computes.) */
bool password_phc_acceptable(struct slice phc);
/* Blocking, for the command line. */
struct slice password_hash_now(struct arena *arena, struct slice password);
