/* dispatch.h: what becomes of a request: what its route's row declares is done here once, then its
 * handler runs. */
#pragma once

#include "gateway/http/exchange.h"

/* A body takes its time: may its sender still do what he was admitted for? To be asked before what
 * has come is kept. Suspends. */
struct request;
enum err dispatch_still_admitted(struct request *req);

extern const struct exchange_service dispatch_service; /* its arg is the struct gateway * */
