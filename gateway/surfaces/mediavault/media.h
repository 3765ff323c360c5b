/* media.h: what the operations on media share: who may see what, and the one JSON form of a
 * record (contracts/mediavault.md section 5). */
#pragma once

#include "gateway/reply.h"
#include "state/media.h"

enum media_right {
    MEDIA_SEE,    /* own, public, any for admins; a signed link opens exactly what it names */
    MEDIA_CHANGE, /* own, any for admins */
};

/* The record named in the path. False: 404 (also for what the caller may not see), 403 or 503 is
 * already sent. */
bool mediavault_media_load_or_reply(struct request *req, enum media_right right, struct media *out);

/* Links in it are minted for the caller; where it was taken is told to the owner alone. */
void mediavault_media_write(struct json_writer *w, struct request *req, const struct media *media);
void mediavault_media_reply(struct request *req, int status, const struct media *media);

/* Adds a tag unless it is there already; blanks around it do not count, nor does an empty one. The
 * list has room for MEDIA_TAGS_MAX, which the schemas allow; more are left out. */
enum { MEDIA_TAGS_MAX = 64 };
void mediavault_media_add_tag(struct arena *arena, struct media *media, struct slice tag);
