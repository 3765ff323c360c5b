/* intake.h: taking one version into a collection: its bytes as a stream into the store, checked and
 * bounded as they arrive, then the record together with the rotation, in one commit. One upload to
 * a collection at a time. A client that hangs up within backup.hangup_wait after its last byte has
 * taken its upload back. */
#pragma once

#include "gateway/surfaces/backup_repository/collection.h"
#include "gateway/surfaces/backup_repository/people.h"

struct request;

/* version: collection, session and user are given; the rest is filled in. False: the client has its
 * answer, and nothing was kept. */
bool intake_or_reply(struct request *req, const struct backup_collection *collection,
                     const struct backup_person *person, struct backup_version *version);
