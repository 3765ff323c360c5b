/* origin.h: is a page one of our own? Pure. */
#pragma once

#include "base/slice.h"

/* Does an Origin header (RFC 6454 section 6.1: scheme, host, port if it is not the scheme's own)
 * name what the client calls us by the scheme it came by? A default port may stand in either. */
bool origin_is_host(struct slice origin, bool tls, struct slice host);
