/* What the surfaces say of themselves, made from the schemas at build time. */
#include "gateway/conditions.h"
#include "handlers.h"

static void reply_document(struct request *req, struct slice document, struct slice etag)
{
    const struct validators now = {.etag = etag};

    if (conditions_hold_or_reply(req, &now, SLICE("public, max-age=300")))
        reply_raw(req, 200, "application/json", document);
}

void mediavault_openapi_get(struct request *req)
{
    reply_document(req, mediavault_openapi, mediavault_openapi_etag);
}

void backup_repository_openapi_get(struct request *req)
{
    reply_document(req, backup_repository_openapi, backup_repository_openapi_etag);
}
