/* ingest.h: what becomes of a file that was taken in, whichever surface took it: its type, what it
 * is called when nobody named it, whether there is anything to make of it, and the first job. Knows
 * the record of media; must not know forms, requests or surfaces. */
#pragma once

#include "state/media.h"

enum { INGEST_TITLE_MAX = 255 }; /* characters, as the schemas have it */

/* Makes the record. The caller gives owner, partition, filename, mime_type (by content, one of
 * store/sniff.h), size and sha256, and what the owner said of it: title, description, tags. The
 * rest is filled in. Suspends; once, bound, with and errors as for
 * media_create_with(). */
enum err ingest_media(struct task *task, struct state *state, struct media *media,
                      const struct once_claim *once, const struct usage_bound *bound,
                      const struct media_companion *with);

/* "IMG_1054.JPG" -> "IMG_1054" */
struct slice filename_stem(struct slice filename);
