/* What the surfaces say of themselves, made from the schemas at build time. */
#include "gateway/http/range.h"
#include "handlers.h"

static void reply_document(struct request *req, struct slice document, struct slice etag)
{
    reply_header(req, "ETag", etag);
    reply_header(req, "Cache-Control", SLICE("public, max-age=300"));
    if (etag_is_listed(request_header(req, "If-None-Match"), etag))
        reply_empty(req, 304);
    else
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
