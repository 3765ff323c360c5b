/* GET /media/by-hash/{sha256}: has the caller these bytes already? Whether others have them is
 * never told. */
#include "gateway/surfaces/mediavault/media.h"

#include "base/crypto.h"
#include "base/text.h"
#include "gateway/catalogue_gate.h"
#include "handlers.h"

enum { CANDIDATES = 8, LOOKS = 3 };

/* As a record tells it, or bare; in any case of letters. */
static bool hash_or_reply(struct request *req, struct slice *out)
{
    static const struct field_error problem = {SLICE_INIT("sha256"),
                                               SLICE_INIT("Must be 64 hexadecimal digits.")};
    struct slice text = request_param(req, "sha256"), prefix = SLICE("sha256:");
    uint8_t bytes[SHA256_BYTES];

    if (slice_starts_with(text, prefix))
        text = slice_from_offset(text, prefix.n);
    if (!text_unhex(text, bytes, sizeof bytes)) {
        reply_field_errors(req, ERR_VALIDATION, &problem, 1);
        return false;
    }
    *out = text_hex(req->task.arena, bytes, sizeof bytes);
    return true;
}

void mediavault_media_by_hash(struct request *req)
{
    struct list_filter filter = {.owner = req->principal.user_id, .limit = CANDIDATES};
    struct list_page page = {.n = 1};
    struct media *media = NULL;
    enum err err = OK;
    size_t n = 0;

    if (!hash_or_reply(req, &filter.sha256))
        return;
    /* All that were found may have been deleted since, and others made. */
    for (unsigned i = 0; i < LOOKS && err == OK && n == 0 && page.n; i++)
        err = catalogue_gate_list(req, &filter, &page, &media, &n);
    if (err == OK && n == 0)
        err = ERR_NOT_FOUND;
    if (ok_or_reply(req, err))
        mediavault_media_reply(req, 200, &media[0]);
}
