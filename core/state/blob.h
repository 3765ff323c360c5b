/* blob.h: who refers to which content: "{pN}:blob:<sha256>" counts the media of a partition that
 * have it, changed in the commits that make and delete them (media.h); none is left at 0. */
#pragma once

#include "state/state.h"

enum { BLOBS_MAX = 500 };

struct slice blob_key(struct arena *arena, unsigned partition, struct slice sha256_hex);

/* out[i]: does any partition refer to hashes[i]? n <= BLOBS_MAX. One round trip. */
enum err blob_referenced(struct task *task, struct state *state, const struct slice *hashes,
                         size_t n, bool *out);

/* How many refer to one, in all partitions together. One round trip. */
enum err blob_count(struct task *task, struct state *state, struct slice sha256_hex,
                    uint64_t *count);

/* A page of the hashes that a partition refers to; *cursor is 0 at first, and again at the end.
 * What is referred to all the while is seen, perhaps twice. */
enum err blob_scan(struct task *task, struct state *state, unsigned partition, uint64_t *cursor,
                   struct slice **hashes, size_t *n);

/* Since when (Unix ms) the references are complete: the beginning of the youngest history. What is
 * older may have been referred to by records that are lost, so nothing can be said about it.
 * ERR_NOT_FOUND: a partition has no history yet. */
enum err blob_known_since(struct task *task, struct state *state, uint64_t *unix_ms);
