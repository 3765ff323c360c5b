#include "realtime/ended.h"

#include "base/memory.h"

#include <string.h>

enum { ID_MAX_BYTES = 64, ROOM_AT_FIRST = 16 };

static const uint64_t KEPT_US = UINT64_C(1000000) * ENDED_KEPT_S;

struct ended_session {
    uint64_t at_us;
    size_t n;
    char id[ID_MAX_BYTES];
};

static void forget_old(struct ended *ended, uint64_t now_us)
{
    size_t old = 0;

    while (old < ended->n && ended->sessions[old].at_us + KEPT_US < now_us)
        old++;
    ended->n -= old;
    if (old && ended->n)
        memmove(ended->sessions, ended->sessions + old, ended->n * sizeof *ended->sessions);
}

void ended_note(struct ended *ended, struct slice session_id, uint64_t now_us)
{
    if (session_id.n > ID_MAX_BYTES) /* nobody's */
        return;
    forget_old(ended, now_us);
    if (ended->n == ended->room) {
        ended->room = ended->room ? ended->room * 2 : ROOM_AT_FIRST;
        ended->sessions = mem_realloc(ended->sessions, ended->room * sizeof *ended->sessions);
    }
    struct ended_session *session = &ended->sessions[ended->n++];
    session->at_us = now_us;
    session->n = session_id.n;
    if (session_id.n)
        memcpy(session->id, session_id.p, session_id.n);
}

bool ended_since(const struct ended *ended, struct slice session_id, uint64_t since_us)
{
    for (size_t i = ended->n; i-- > 0 && ended->sessions[i].at_us >= since_us;)
        if (slice_eq(session_id, (struct slice){ended->sessions[i].id, ended->sessions[i].n}))
            return true;
    return false;
}

void ended_fini(struct ended *ended)
{
    mem_free(ended->sessions);
    *ended = (struct ended){0};
}
