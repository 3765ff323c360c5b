/* upload_expiry.h: ends the uploads in several requests to which nothing was added for as long as
 * the setting says, and removes what of finished ones is still there; also files in partial/ whose
 * upload is gone, as after a crash between the two. */
#pragma once

#include "state/state.h"
#include "store/store.h"

struct upload_expiry;

struct upload_expiry *upload_expiry_new(struct store *store, struct state *state, uint64_t life_s);
void upload_expiry_free(struct upload_expiry *expiry); /* no round is under way */

/* Some of what is due. Two processes may be at it at once. Suspends. */
enum err upload_expiry_round(struct task *task, struct upload_expiry *expiry);
