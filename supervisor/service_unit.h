/* service_unit.h: the systemd unit with which a hub runs for good: as one user, who may write
 * nothing but the hub's folders, and with everything taken away that the hub and the sandbox of its
 * decoders (Landlock, seccomp) can live without. Pure: no file is touched. */
#pragma once

#include "base/arena.h"

struct service_unit {
    struct slice program;          /* absolute path of mediahub */
    struct slice user;             /* name */
    struct slice data;             /* absolute, also the working folder */
    const struct slice *arguments; /* of `mediahub run`; paths in them are absolute */
    size_t argument_count;
    const struct slice *writable; /* folders beside data: absolute */
    size_t writable_count;
    bool at_home;  /* something of it lies below /home, /root or /run/user */
    bool low_port; /* it listens below 1024 */
};

struct slice service_unit_write(struct arena *arena, const struct service_unit *unit);
