#include "base/err.h"

#include "base/log.h"

#include <assert.h>

static const struct err_row rows[] = {
    [OK] = {0, {0}, {0}, LOG_DEBUG},
#define ERR(name, status, slug, message, level)                                                    \
    [ERR_##name] = {status, SLICE_INIT(slug), SLICE_INIT(message), level},
#include "errors.def"
#undef ERR
};

const struct err_row *err_row(enum err err)
{
    assert(err > OK && err < ERR_COUNT_);
    return &rows[err];
}
