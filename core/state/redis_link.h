/* redis_link.h: lets hiredis wait for its socket on a libuv loop. The adapter that hiredis ships
 * returns silently when libuv reports an error on the socket, so a refused or killed connection is
 * never noticed; this one hands the error to hiredis as if the socket were ready, where the next
 * read or write fails and ends the connection properly. */
#pragma once

#include <hiredis/async.h>
#include <stdbool.h>
#include <uv.h>

/* Call before the callbacks are set. The link frees itself when hiredis frees the context. */
bool redis_link_attach(redisAsyncContext *context, uv_loop_t *loop);
