#include "store/store_errno.h"

#include "base/log.h"

#include <errno.h>

enum err store_errno(const char *what, int error)
{
    if (error == ENOENT)
        return ERR_NOT_FOUND;
    if (error == ENOSPC || error == EDQUOT)
        return ERR_STORAGE_FULL;
    if (error == EMFILE || error == ENFILE || error == ENOMEM)
        return ERR_OVERLOADED; /* and passes */
    log_event(LOG_ERROR, "store_failed", F("call", what), F("errno", error));
    return ERR_INTERNAL;
}
