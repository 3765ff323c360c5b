/* surface.h: Backup Repository: envelopes and texts. Source: contract of the original's API, whose
 * texts its clients compare. */
#pragma once

#include "gateway/reply.h"

/* The members of the error envelope, into an open object: `data` (JSON), `error`, `status`. */
void backup_write_error(struct json_writer *w, struct slice data, struct slice text);
