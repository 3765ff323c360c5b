/* layout.h: which path inside the store's folder a thing has. For the modules of this library. A
 * hash is 64 lower-case hexadecimal digits and a variant's name is ours, so neither can leave the
 * folder; both are asserted. */
#pragma once

#include "base/slice.h"

enum { LAYOUT_PATH_MAX = 160 }; /* paths inside the folder, with NUL */

bool layout_is_hash(struct slice name);
void layout_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);
void layout_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex); /* the folder of all */
void layout_variant(char out[LAYOUT_PATH_MAX], struct slice sha256_hex, struct slice file);
void layout_trashed_blob(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);
void layout_trashed_variants(char out[LAYOUT_PATH_MAX], struct slice sha256_hex);

#define LAYOUT_TRASHED_VARIANTS ".variants" /* after the hash */
