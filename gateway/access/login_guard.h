/* login_guard.h: what stands before every look at a password.
 *
 * Wrong passwords are counted, right ones never: ten of one account from one source (an address,
 * of IPv6 its /64) within 15 minutes, and no further one of it is looked at until the window ends.
 * Past fifty of one account from anywhere, sources from which nobody ever logged in to it have four
 * tries a minute together: guessing from many places is slow, and its owner, who comes from where
 * he has been before, does not notice. A name without an account is counted in the same way.
 *
 * Tries are looked at one after the other, in turn of their sources (base/password.h), so that many
 * at once are no way past the count. Each gateway has its own turn: with N of them, N - 1 more may
 * pass. Counted on the volatile server; without it nobody can log in, or passwords could be guessed
 * at will. The sources of good logins are durable for LOGIN_GUARD_KNOWN_S. */
#pragma once

#include "base/password.h"
#include "state/state.h"

enum {
    LOGIN_GUARD_FAILURES = 10,
    LOGIN_GUARD_ACCOUNT_FAILURES = 50,
    LOGIN_GUARD_WINDOW_S = 15 * 60,
    LOGIN_GUARD_STRANGERS = 4,
    LOGIN_GUARD_STRANGERS_S = 60,
    LOGIN_GUARD_KNOWN_S = 90 * 86400,
};

/* Whose password is to be looked at. */
struct login_subject {
    struct slice name;    /* as given; counts where there is no account */
    struct slice user_id; /* empty: there is no account */
    unsigned partition;   /* of the user */
    bool inside;          /* proven by a session: only the ten failures count */
};

/* What the guard needs of a process, and who asks. */
struct login_desk {
    struct state *state;
    struct password_thread *passwords;
    struct slice peer_ip;
};

struct login_guard {
    struct login_desk desk;
    struct turns_asker asker;
    struct slice here, anywhere; /* names of the counters */
    struct slice user_id, mark_key;
    unsigned partition;
    uint64_t mark_ms; /* when this source was last noted as one of good logins; 0: never */
};

/* OK: it is our turn, and login_guard_leave() must follow soon; guard->asker is for
 * password_verify(). ERR_RATE_LIMITED: not before *wait_s. ERR_OVERLOADED, ERR_STATE_UNAVAILABLE.
 * The guard lives in the task's arena. Suspends. */
enum err login_guard_enter(struct task *task, const struct login_desk *desk,
                           const struct login_subject *subject, struct login_guard *guard,
                           uint64_t *wait_s);
/* verdict: of the password. ERR_UNAUTHORIZED counts, OK notes the source as known; any other is
 * our own fault. Suspends. */
void login_guard_leave(struct task *task, const struct login_guard *guard, enum err verdict);

/* Who asks, as base/password.h takes turns. */
struct turns_asker login_guard_asker(struct arena *arena, struct slice peer_ip);
