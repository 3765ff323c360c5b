/* tls.h: HTTPS as the settings say it: whether, where, and with which files. */
#pragma once

#include "base/config.h"

/* Where HTTPS is served: `listen_tls`, or port 8443 where HTTP is. Empty: there is no HTTPS. */
struct slice tls_address(const struct config *config, struct arena *arena);
