#!lua name=mediahub
-- The functions that write durable state. One call touches one partition: every key begins with
-- the tag of KEYS[1], "{pN}:". A failure midway would not be rolled back, so every function looks
-- at everything before it writes anything. Replies are flat.

local EVENTS_MAX = 1000000
local REPLAY_SECONDS = 600
local MAX_ARGUMENTS = 1000

local function tag_of(key)
    return string.match(key, '^{p%d+}:')
end

local function is_integer(text)
    return string.match(text, '^-?%d+$') and #text <= 16
end

local function now_us()
    local time = redis.call('TIME')
    return string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
end

-- What a write may look like. n counts the arguments with the key. holds: the type its key must
-- have when it exists. keys: every argument is a key. integer: the argument that must be one.
local SHAPES = {
    SET = {least = 2, most = 2},
    DEL = {least = 1, keys = true},
    UNREF = {least = 1, most = 1, holds = 'string'},
    INCRBY = {least = 2, most = 2, holds = 'string', integer = 2},
    PEXPIREAT = {least = 2, most = 2, integer = 2},
    HSET = {least = 3, pairs_after = 1, holds = 'hash'},
    HDEL = {least = 2, holds = 'hash'},
    TALLY = {least = 3, pairs_after = 1, holds = 'hash', integers_after = 1},
    HINCRBY = {least = 3, most = 3, holds = 'hash', integer = 3},
    SADD = {least = 2, holds = 'set'},
    SREM = {least = 2, holds = 'set'},
    ZADD = {least = 3, holds = 'zset', scores_after = 1},
    ZADDNX = {least = 3, holds = 'zset', scores_after = 1},
    ZREM = {least = 2, holds = 'zset'},
    RPUSH = {least = 2, holds = 'list'},
    LPUSH = {least = 2, holds = 'list'},
    LREM = {least = 3, most = 3, holds = 'list', integer = 2},
    JOB_ENTER = {least = 1, most = 1, holds = 'hash'},
    JOB_END = {least = 1, most = 1, holds = 'hash'},
    JOB_PARK = {least = 1, most = 1, holds = 'hash'},
    JOBS_END = {least = 1, most = 1, holds = 'set'},
    COLLECT = {least = 4, pairs_after = 2, holds = 'hash', integer = 2},
    UNCOLLECT = {least = 3, holds = 'hash', integer = 2},
    COLLECT_SHOW = {least = 3, most = 3, holds = 'hash'},
    COLLECT_PLACE = {least = 5, holds = 'hash', integer = 2},
}
local job_writes = {} -- by name: jobs.lua
local collection_writes = {} -- by name: collections.lua

-- These are no commands of Redis.
local function run_write(write)
    if write[1] == 'UNREF' then
        if redis.call('DECR', write[2]) <= 0 then
            redis.call('DEL', write[2])
        end
    elseif write[1] == 'TALLY' then
        if redis.call('EXISTS', write[2]) == 1 then
            for i = 3, #write, 2 do
                redis.call('HINCRBY', write[2], write[i], write[i + 1])
            end
        end
    elseif job_writes[write[1]] then
        job_writes[write[1]](write[2])
    elseif collection_writes[write[1]] then
        collection_writes[write[1]](unpack(write, 2))
    elseif write[1] == 'ZADDNX' then
        redis.call('ZADD', write[2], 'NX', unpack(write, 3))
    else
        redis.call(unpack(write))
    end
end

local function numbers_problem(shape, write)
    if shape.integer and not is_integer(write[shape.integer + 1]) then
        return 'not an integer'
    end
    if shape.integers_after then
        for i = shape.integers_after + 3, #write, 2 do
            if not is_integer(write[i]) then
                return 'not an integer'
            end
        end
    end
    if shape.scores_after then
        for i = shape.scores_after + 2, #write, 2 do
            if not tonumber(write[i]) then
                return 'not a score'
            end
        end
    end
end

local function write_problem(tag, write)
    local shape = SHAPES[write[1]]
    local n = #write - 1
    if not shape then
        return 'command not allowed'
    end
    if n < shape.least or n > (shape.most or MAX_ARGUMENTS) then
        return 'wrong number of arguments'
    end
    local paired = shape.pairs_after or shape.scores_after
    if paired and (n - paired) % 2 ~= 0 then
        return 'wrong number of arguments'
    end
    for i = 2, shape.keys and #write or 2 do
        if tag_of(write[i]) ~= tag then
            return 'key of another partition'
        end
    end
    if shape.holds then
        local held = redis.call('TYPE', write[2])['ok']
        if held ~= 'none' and held ~= shape.holds then
            return 'key holds a ' .. held
        end
    end
    return numbers_problem(shape, write)
end

-- Takes counted groups off the arguments, remembering where it stands.
local function reader(args, at)
    local self = {}
    function self.text()
        at = at + 1
        return args[at - 1]
    end
    function self.texts(n)
        local list = {}
        for i = 1, n do
            list[i] = self.text()
        end
        return list
    end
    function self.count()
        return tonumber(self.text()) or 0
    end
    function self.finished()
        return at == #args + 1
    end
    return self
end

local function check_holds(check)
    if check[1] == 'present' then
        return redis.call('EXISTS', check[2]) == 1
    elseif check[1] == 'absent' then
        return redis.call('EXISTS', check[2]) == 0
    elseif check[1] == 'room' then
        local more, most = string.match(check[4], '^(%d+) (%d+)$')
        local used = redis.call('HGET', check[2], check[3])
        return tonumber(used or 0) + tonumber(more) <= tonumber(most)
    elseif check[1] == 'places' then
        local more, most = string.match(check[4], '^(%d+) (%d+)$')
        return redis.call('ZCARD', check[2]) + tonumber(more) <= tonumber(most)
    elseif check[1] == 'member' then
        return redis.call('ZSCORE', check[2], check[3]) ~= false
    elseif check[1] == 'rev' then
        local rev = redis.call('HGET', check[2], 'rev')
        return (rev or redis.call('EXISTS', check[2]) == 1 and '0') == check[4]
    end
    return (redis.call('HGET', check[2], check[3]) or '') == check[4]
end

local function read_head(tag)
    local head = redis.call('HMGET', tag .. 'head', 'epoch', 'offset', 'hash')
    if not head[1] then
        return nil
    end
    return {epoch = head[1], offset = tonumber(head[2]), hash = head[3]}
end

-- The first hash of a chain is made from its epoch, so two histories differ from their first event.
local function mint_head(tag)
    local epoch = now_us()
    local head = {epoch = epoch, offset = 0, hash = string.sub(redis.sha1hex(epoch), 1, 16)}
    redis.call('DEL', tag .. 'events')
    redis.call('HSET', tag .. 'head', 'epoch', epoch, 'offset', 0, 'hash', head.hash)
    return head
end

local function append_events(tag, events)
    local head = read_head(tag) or mint_head(tag)
    for _, e in ipairs(events) do
        head.offset = head.offset + 1
        head.hash = string.sub(redis.sha1hex(head.hash .. e[1]), 1, 16)
        redis.call('XADD', tag .. 'events', string.format('%.0f-0', head.offset),
            'id', e[1], 'type', e[2], 'owner', e[3], 'resource', e[4], 'rtype', e[5],
            'body', e[6], 'changes', e[7], 'ts', e[8], 'hash', head.hash)
    end
    redis.call('HSET', tag .. 'head', 'offset', string.format('%.0f', head.offset),
        'hash', head.hash)
    return string.format('%.0f', head.offset)
end

local function parse_commit(args)
    local r = reader(args, 2)
    local parsed = {checks = {}, events = {}, writes = {}}
    for i = 1, r.count() do
        parsed.checks[i] = r.texts(4)
    end
    for i = 1, r.count() do
        parsed.events[i] = r.texts(8)
    end
    for i = 1, r.count() do
        parsed.writes[i] = r.texts(r.count())
    end
    return r.finished() and parsed or nil
end

local function commit_problem(tag, parsed)
    if not parsed then
        return 'arguments do not add up'
    end
    for _, check in ipairs(parsed.checks) do
        if tag_of(check[2]) ~= tag then
            return check[2] .. ': key of another partition'
        end
    end
    for _, write in ipairs(parsed.writes) do
        local problem = write_problem(tag, write)
        if problem then
            return tostring(write[1]) .. ' ' .. tostring(write[2]) .. ': ' .. problem
        end
    end
end

-- commit {pN}:head id checks [kind key field value].. events [id type owner resource rtype body
-- changes ts].. writes [argc argv..]..  -> {"ok", offset} | {"check", index from 0} | {"full"}
local function commit(keys, args)
    local tag = tag_of(keys[1])
    local result_key = tag .. 'commit:' .. args[1]
    local earlier = redis.call('GET', result_key)
    if earlier then
        return {'ok', earlier}
    end
    local parsed = parse_commit(args)
    local problem = commit_problem(tag, parsed)
    if problem then
        return redis.error_reply('SHAPE ' .. problem)
    end
    for i, check in ipairs(parsed.checks) do
        if not check_holds(check) then
            return {'check', tostring(i - 1)}
        end
    end
    local offset = '0'
    if #parsed.events > 0 then
        if redis.call('XLEN', tag .. 'events') + #parsed.events > EVENTS_MAX then
            return {'full'}
        end
        offset = append_events(tag, parsed.events)
    end
    redis.call('SET', result_key, offset, 'EX', REPLAY_SECONDS)
    for _, write in ipairs(parsed.writes) do
        run_write(write)
    end
    return {'ok', offset}
end

-- head_open {pN}:head -> {epoch, offset, hash}, made when there is none.
local function head_open(keys, args)
    local tag = tag_of(keys[1])
    local head = read_head(tag) or mint_head(tag)
    return {head.epoch, string.format('%.0f', head.offset), head.hash}
end

-- swap key old new -> 1 when the key held old; new '' deletes it.
local function swap(keys, args)
    if redis.call('GET', keys[1]) ~= args[1] then
        return 0
    end
    if args[2] == '' then
        redis.call('DEL', keys[1])
    else
        redis.call('SET', keys[1], args[2])
    end
    return 1
end

-- Usage: see usage.h.

local ITEMS_AT_ONCE = 1000

local function sum_media(tag, owner)
    local index, bytes, items, from = tag .. 'media_of:' .. owner, 0, 0, 0
    repeat
        local ids = redis.call('ZRANGE', index, from, from + ITEMS_AT_ONCE - 1)
        for _, id in ipairs(ids) do
            bytes = bytes + (tonumber(redis.call('HGET', tag .. 'media:' .. id, 'size')) or 0)
        end
        items, from = items + #ids, from + #ids
    until #ids < ITEMS_AT_ONCE
    return bytes, items
end

-- usage_count {pN}:head owner repair("1") -> {bytes, items as recorded, or "", bytes, items}
local function usage_count(keys, args)
    local tag, owner = tag_of(keys[1]), args[1]
    local recorded = redis.call('HMGET', tag .. 'usage:' .. owner, 'bytes', 'items')
    local bytes, items = sum_media(tag, owner)
    for _, claim in ipairs(redis.call('HVALS', tag .. 'claims:' .. owner)) do
        bytes, items = bytes + tonumber(string.match(claim, '^%d+') or 0), items + 1
    end
    local counted = {string.format('%.0f', bytes), string.format('%.0f', items)}
    if args[2] == '1' then
        redis.call('HSET', tag .. 'usage:' .. owner, 'bytes', counted[1], 'items', counted[2])
    end
    return {recorded[1] or '', recorded[2] or '', counted[1], counted[2]}
end

-- canary {pN}:head milliseconds -> 1. Kept out of the AOF and away from replicas: an idle hub's disk
-- rests, and a canary of yesterday proves nothing.
local function canary(keys, args)
    redis.set_repl(redis.REPL_NONE)
    redis.call('XADD', tag_of(keys[1]) .. 'canary', 'MAXLEN', 1, '*', 'ms', args[1])
    return 1
end

local function register(name, callback)
    redis.register_function{function_name = name, callback = callback, flags = {'allow-oom'}}
end

-- Past maxmemory only these run: what frees memory, or needs no more of it than it had.
redis.register_function('commit', commit)
register('commit_full', commit)
register('head_open', head_open)
register('swap', swap)
register('usage_count', usage_count)
register('canary', canary)
