/* tls.h: HTTPS as the settings say it: whether, where, and with which files; and the certificate
 * of our own that `tls = auto` means, in the data folder. */
#pragma once

#include "base/config.h"

struct tls_files {
    const char *chain, *key; /* PEM */
};

/* Is there HTTPS at all? */
bool tls_wanted(const struct config *config);

/* Where HTTPS is served: `listen_tls`, or port 8443 where HTTP is. Empty: there is no HTTPS. */
struct slice tls_address(const struct config *config, struct arena *arena);

/* The files that the settings name, or else those of our own below `data`. */
struct tls_files tls_files(const struct config *config, struct arena *arena, struct slice data);

/* With `tls = auto`: keeps a certificate there that is good for all names and addresses of this
 * machine and for a month more; makes one when there is none. *fingerprint: its SHA-256; *made: it
 * is another one than before. False with a sentence in *problem. Without `auto` it does nothing. */
bool tls_keep_own(const struct config *config, struct arena *arena, struct slice data,
                  struct slice *fingerprint, bool *made, struct slice *problem);
