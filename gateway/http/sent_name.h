/* sent_name.h: the names in a part's Content-Disposition, made readable whatever the client is:
 * other encodings, RFC 8187, RFC 2047, the %22 of browsers (WHATWG, multipart/form-data encoding),
 * whole paths, control characters. Nothing is refused here; the worst is an empty name. */
#pragma once

#include "gateway/http/params.h"

enum { SENT_NAME_MAX = 1024 }; /* bytes; longer ones are cut, before the suffix of a file */

/* The value of a parameter of a header that is UTF-8 by now. Valid UTF-8, one line, without control
 * characters and without those that turn the direction of writing. */
struct slice sent_name(struct arena *arena, const struct param *param);

/* The name of a file, its last path segment only: by `filename*` where that can be read, else by
 * `filename`. Either may be NULL, not both. */
struct slice sent_filename(struct arena *arena, const struct param *plain,
                           const struct param *extended);
