/* collector.h: removes content that no media refers to. It goes through the store in slices, for
 * ever: what is unused for collect_after_s goes to the trash, is looked up once more there, and is
 * removed for good as long again later. Content from before the history of the state server is left
 * alone: whoever emptied that server by mistake still has the files. */
#pragma once

#include "state/state.h"
#include "store/store.h"

struct collector;

struct collector *collector_new(struct store *store, struct state *state, uint64_t collect_after_s);
void collector_free(struct collector *collector); /* no round is under way */

/* One slice. After an error the next round goes on behind it. Two processes may collect at once. */
enum err collector_round(struct task *task, struct collector *collector);
