/* redis_reply.h: copies a reply of hiredis, which frees it when its callback returns, into one
 * block of memory. */
#pragma once

#include "state/redis_value.h"

#include <hiredis/hiredis.h>

size_t redis_reply_bytes(const redisReply *reply); /* what the copy needs; may be 0 */
/* block: of that size, aligned for any type; NULL for 0. */
struct redis_value redis_reply_copy(const redisReply *reply, void *block);

struct slice redis_reply_text(const redisReply *reply); /* as long as the reply lives */
