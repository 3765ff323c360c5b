/* layout.h: which path inside the store's folder a thing has. For the modules of this library. A
 * hash is 64 lower-case hexadecimal digits, a variant's name and an upload's are ours, so none can
 * leave the folder; all are asserted. */
#pragma once

#include "base/slice.h"

enum { LAYOUT_PATH_MAX = 160 }; /* paths inside the folder, with NUL */

bool layout_is_hash(struct slice name);
void layout_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);
void layout_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex); /* the folder of all */
void layout_variant(char out[LAYOUT_PATH_MAX], struct slice sha256_hex, struct slice file);
void layout_trashed_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);
void layout_trashed_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);

bool layout_is_id(struct slice name);
/* Of an upload that goes over several requests, and what is known of its hash. */
void layout_partial(char out[LAYOUT_PATH_MAX], struct slice name);
void layout_partial_hash(char out[LAYOUT_PATH_MAX], struct slice name);

#define LAYOUT_PARTIAL "partial"
#define LAYOUT_TRASHED_VARIANTS ".variants" /* after the hash */
