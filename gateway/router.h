/* router.h: from method and path to the operation's row (route.h). Adding an operation is an entry
 * in schemas/<surface>.yaml and one handler. Path ownership between surfaces: by prefix, the
 * longest first. */
#pragma once

#include "gateway/request.h"
#include "gateway/route.h"
#include "gateway/surface.h"

struct authenticator;
struct gateway;

/* At the start, before anybody asks, and at the end. */
void router_open_surfaces(struct gateway *gateway, struct arena *arena);
void router_close_surfaces(struct gateway *gateway);
void *surface_own(const struct gateway *gateway,
                  const struct surface *surface); /* what open gave */

const struct surface *router_surface(struct slice path); /* the owner of a path; never NULL */
/* The authenticator whose tokens say this `aud`, or whose keys begin as `token` does; NULL: none.
 */
const struct authenticator *router_authenticator(struct slice audience, struct slice token);
/* Fills in path_params. NULL: no such path; *allowed then is 0, else the methods (bits)
 * of the path that comes first: a literal segment before a parameter. */
const struct route *router_find(enum http_method method, struct slice path, struct arena *arena,
                                struct slice params[PATH_PARAMS_MAX], unsigned *allowed);
/* Refuses broken escapes, NUL, and dot segments (also encoded). */
bool router_path_acceptable(struct slice path);
