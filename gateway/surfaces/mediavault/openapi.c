/* Media Vault's description of itself, made from the schemas at build time. */
#include "gateway/range.h"
#include "handlers.h"

void mediavault_openapi_get(struct request *req)
{
    reply_header(req, "ETag", mediavault_openapi_etag);
    reply_header(req, "Cache-Control", SLICE("public, max-age=300"));
    if (etag_is_listed(request_header(req, "If-None-Match"), mediavault_openapi_etag))
        reply_empty(req, 304);
    else
        reply_raw(req, 200, "application/json", mediavault_openapi);
}
