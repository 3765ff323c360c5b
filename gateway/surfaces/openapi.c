/* What the surfaces say of themselves, made from the schemas at build time. */
#include "gateway/conditions.h"
#include "gateway/surfaces/documents.h"
#include "handlers.h"

static void reply_document(struct request *req, const char *type, struct slice document,
                           struct slice etag)
{
    const struct validators now = {.etag = etag};

    if (conditions_hold_or_reply(req, &now, SLICE("public, max-age=300")))
        reply_raw(req, 200, type, document);
}

void mediavault_openapi_get(struct request *req)
{
    reply_document(req, "application/json", mediavault_openapi, mediavault_openapi_etag);
}

void hub_openapi_get(struct request *req)
{
    reply_document(req, "application/json", hub_openapi, hub_openapi_etag);
}

void mediavault_asyncapi_get(struct request *req)
{
    reply_document(req, "application/json", asyncapi, asyncapi_etag);
}

void backup_repository_openapi_get(struct request *req)
{
    reply_document(req, "application/json", backup_repository_openapi,
                   backup_repository_openapi_etag);
}

void hub_realtime_page(struct request *req)
{
    reply_header(req, "Content-Security-Policy",
                 SLICE("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"));
    reply_document(req, "text/html; charset=utf-8", realtime_page, realtime_page_etag);
}
