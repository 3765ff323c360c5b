/* scope.h: the operations scope of a session: grants as JSON, as a login asks for them and a token
 * carries them: [{"type":"collection","name":"...","roles":["..."]}, ...]. */
#pragma once

#include "base/json.h"
#include "gateway/access/roles.h"

/* A login's `operationsScope` {"elements":[...]}, or NULL, into the form that tokens carry; empty:
 * not narrowed. False: it is none, or longer than BACKUP_SCOPE_MAX_BYTES. */
bool scope_of_login(struct arena *arena, const json_t *operations_scope, struct slice *out);

/* False: no array of grants. An empty text gives no grants. */
bool scope_parse(struct arena *arena, struct slice text, struct grants *out);
