/* dispatch.h: what becomes of a request: what its route's row declares is done here once, then its
 * handler runs. */
#pragma once

#include "gateway/http/exchange.h"

extern const struct exchange_service dispatch_service; /* its arg is the struct gateway * */
