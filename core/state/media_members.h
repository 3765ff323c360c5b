/* media_members.h: which media there are: "{pN}:media_all" and "{pN}:media_of:<user id>", sorted
 * sets of ids by creation. What counts an account's (usage.h) and reads all of a partition's goes
 * by them; whoever filters, orders or searches asks the catalogue. */
#pragma once

#include "records.h"

enum { MEDIA_SCAN_PAGE = 500 };

/* The writes that make a media a member, or end it. */
void media_members_add(struct commit *commit, const struct media *media);
void media_members_remove(struct commit *commit, const struct media *media);

/* All of a partition's media from the oldest on, about MEDIA_SCAN_PAGE at a time: *cursor is 0
 * before the first call and again after the last. Those that stay are seen; those that come or go
 * may be. */
enum err media_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                    struct media **out, size_t *n);
/* Removes the sets by type and tag that versions before the catalogue kept. Looks at all keys. */
enum err media_forget_old_sets(struct task *task, struct state *state);
enum err media_count(struct task *task, struct state *state, unsigned partition, uint64_t *out);
