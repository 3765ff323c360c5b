/* ended.h: the sessions and keys whose end was told lately. Who has proved himself and waits for a
 * place is nobody's client yet when the end of his session is told, and would outlive it: so
 * whoever becomes one is looked up here. Private to this folder. */
#pragma once

#include "base/slice.h"

enum { ENDED_KEPT_S = 60 }; /* much longer than anybody takes to become a client */

struct ended {
    struct ended_session *sessions; /* oldest first */
    size_t n, room;
};

/* Times are clock_us(). */
void ended_note(struct ended *ended, struct slice session_id, uint64_t now_us);
/* Was its end told at that time or later? */
bool ended_since(const struct ended *ended, struct slice session_id, uint64_t since_us);
void ended_fini(struct ended *ended);
