/* media_intake.h: what becomes of a file that a user has sent, whichever way it came: as a form, as
 * the body alone, or in several requests. One place for the rules of an upload. */
#pragma once

#include "gateway/upload_form.h"
#include "state/media.h"

/* The record to be, by what the form says; mime_type and size may be unknown yet. */
void mediavault_intake_describe(struct request *req, const struct upload_form *form,
                                struct media *out);
/* May there be such a record? False: 404 (no such collection) or 413 (too much text) is sent. */
bool mediavault_intake_allowed_or_reply(struct request *req, const struct media *media);
void mediavault_intake_reply_no_collection(struct request *req);

/* Makes the record of a file that is kept (sha256, size, mime_type are known); the bound, as
 * quota_take() gave it, ends with this. Errors as for media_create_with(). Where it ends a longer
 * story (`with`), which the client cannot tell anew, a collection that is gone meanwhile is left
 * out. */
enum err mediavault_intake_make(struct request *req, struct media *media,
                                const struct once_claim *once, const struct usage_bound *bound,
                                const struct media_companion *with);

/* The media's path: "/api/v1/media/<id>". */
struct slice mediavault_media_path(struct request *req, struct slice id);
