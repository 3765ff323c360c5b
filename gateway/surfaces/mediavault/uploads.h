/* uploads.h: what the operations on resumable uploads (uploads.c) share: taking bytes in, and what
 * becomes of an upload once all of it is there. */
#pragma once

#include "gateway/upload_form.h"
#include "state/resumable.h"

/* What a client says of its file; keys that are none of ours stay among the texts, unread. False:
 * *metadata is malformed. */
bool mediavault_upload_form(struct request *req, struct slice metadata, struct upload_form *out);

/* The largest that this upload may become. */
uint64_t mediavault_upload_most(const struct request *req, const struct resumable *resumable);

/* Ends what a request of this process still waits for, when its sender has been silent for a while:
 * he has come back over another line. Suspends. */
void mediavault_upload_stop_silent(struct slice id);

/* Adds the request's body, whose checksum stands in the head or the trailer, at this offset.
 * *offset becomes how far the upload has come, all of it on the disk. False: it is answered; what
 * came before a cut is kept, unless it was to be proven. Suspends. */
bool mediavault_upload_receive_or_reply(struct request *req, struct resumable *resumable,
                                        uint64_t *offset);

/* Where all of it is there: makes the media, once, and puts its id into the record. ERR_LOCKED:
 * somebody else is about to; ERR_CONFLICT: a piece is not complete. A file that is not taken ends
 * the upload. *detail: more precise than the error, or empty. Suspends. */
enum err mediavault_upload_finish(struct request *req, struct resumable *resumable,
                                  struct slice *detail);
/* Likewise the caller's finals that waited for their last piece; who asks for one is told what went
 * wrong. */
void mediavault_upload_finish_finals(struct request *req);

/* Of a final. ERR_NOT_FOUND: it names what is no piece, or is there no more. Suspends. */
struct upload_pieces {
    uint64_t bytes;
    bool known, complete; /* their lengths; all their bytes are there */
};
enum err mediavault_upload_pieces(struct request *req, const struct resumable *final,
                                  struct upload_pieces *out);
