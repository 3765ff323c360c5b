/* surface.h: Backup Repository: envelopes and texts. Source: contract of the original's API, whose
 * texts its clients compare. */
#pragma once

#include "gateway/reply.h"
#include "gateway/router.h"
#include "gateway/surfaces/backup_repository/manifest.h"

/* The users and collections that are written in files. */
struct manifests *backup_manifests(const struct gateway *gateway);

/* The members of the error envelope, into an open object: `data` (JSON), `error`, `status`. */
void backup_write_error(struct json_writer *w, struct slice data, struct slice text);
