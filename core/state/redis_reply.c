#include "state/redis_reply.h"

#include <assert.h>
#include <string.h>

/* NOLINTBEGIN(misc-no-recursion): hiredis accepts at most 8 levels of nesting */

static size_t text_bytes(const redisReply *reply)
{
    size_t bytes = 0;

    if (reply->type != REDIS_REPLY_ARRAY)
        return reply->len;
    for (size_t i = 0; i < reply->elements; i++)
        bytes += text_bytes(reply->element[i]);
    return bytes;
}

static size_t values_in(const redisReply *reply)
{
    size_t values = 0;

    if (reply->type != REDIS_REPLY_ARRAY)
        return 0;
    for (size_t i = 0; i < reply->elements; i++)
        values += 1 + values_in(reply->element[i]);
    return values;
}

struct copy {
    struct redis_value *values;
    char *bytes;
};

static struct slice copy_text(struct copy *copy, const redisReply *reply)
{
    struct slice text = {copy->bytes, reply->len};

    assert(text.p || !text.n); /* redis_reply_bytes() has counted it */
    if (reply->len)
        memcpy(copy->bytes, reply->str, reply->len);
    copy->bytes += reply->len;
    return text;
}

static struct redis_value copy_reply(struct copy *copy, const redisReply *reply)
{
    struct redis_value value = {.type = REDIS_NIL};

    switch (reply->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        value.type = REDIS_TEXT;
        value.text = copy_text(copy, reply);
        break;
    case REDIS_REPLY_ERROR:
        value.type = REDIS_FAULT;
        value.text = copy_text(copy, reply);
        break;
    case REDIS_REPLY_INTEGER:
        value.type = REDIS_NUMBER;
        value.number = reply->integer;
        break;
    case REDIS_REPLY_ARRAY:
        value.type = REDIS_LIST;
        value.n = reply->elements;
        value.items = copy->values;
        assert(value.items || !value.n);
        copy->values += reply->elements;
        for (size_t i = 0; i < reply->elements; i++)
            value.items[i] = copy_reply(copy, reply->element[i]);
        break;
    default:
        break;
    }
    return value;
}

/* NOLINTEND(misc-no-recursion) */

size_t redis_reply_bytes(const redisReply *reply)
{
    return values_in(reply) * sizeof(struct redis_value) + text_bytes(reply);
}

struct redis_value redis_reply_copy(const redisReply *reply, void *block)
{
    size_t value_bytes = values_in(reply) * sizeof(struct redis_value);
    struct copy copy = {block, block ? (char *)block + value_bytes : NULL};

    return copy_reply(&copy, reply);
}

struct slice redis_reply_text(const redisReply *reply)
{
    return (struct slice){reply->str, reply->len};
}
