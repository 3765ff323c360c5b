#!lua name=mediahub_webhooks
-- The steps of webhook deliveries: accept, claim, finish, tick, and what people ask for (retry,
-- cancel). One call touches the partition of the event, whose tag begins KEYS[1]:
--   accepted               hash epoch offset hash: up to where the event stream has been accepted
--   message:<evt>          hash type body owner: stored once, for every endpoint, with an expiry
--   delivery:<whk>:<evt>   hash state attempts next at type [lease leases log a0..a15]
--   deliveries:<whk>       zset of evt by time of acceptance
--   pending:<whk>          zset of evt that are pending, by when they became so; bounded
--   full                   hash of whk whose `pending` has reached its bound: "news" or "told"
--   webhooks:counts        hash full refused: how often that was, how many deliveries it refused
--   q:<whk>                list of evt ready to be sent;  ready: set of the whk that have any
--   due, leased            zsets of "<whk>:<evt>" by next attempt, by the lease's deadline
--   held                   zset of whk by when their receivers may be called again: they said so,
--                          and until then they are not in `ready`
-- and, in the endpoint's partition, health:<whk>, hash failing_since last_success last_failure.
-- Times are Unix milliseconds in decimal; they come from the caller. Replies are flat lists.

local KEPT_ATTEMPTS = 16
local LEASES_MAX = 5
local LISTED_MAX = 100000
local BATCH = 200
local SKIPS_MAX = 100
local QUIET_MS = 48 * 3600 * 1000

local function tag_of(key)
    return string.match(key, '^{p%d+}:')
end

local function as_text(number)
    return string.format('%.0f', number)
end

local function pair(whk, evt)
    return whk .. ':' .. evt
end

local function delivery_key(tag, member)
    return tag .. 'delivery:' .. member
end

local function is_held(tag, whk)
    return redis.call('ZSCORE', tag .. 'held', whk) ~= false
end

local function hold(tag, whk, till)
    redis.call('ZADD', tag .. 'held', 'GT', till, whk)
    redis.call('SREM', tag .. 'ready', whk)
end

local function let_go(tag, whk)
    if redis.call('ZREM', tag .. 'held', whk) == 1 and
            redis.call('EXISTS', tag .. 'q:' .. whk) == 1 then
        redis.call('SADD', tag .. 'ready', whk)
    end
end

local function enqueue(tag, whk, evt, first)
    redis.call(first and 'LPUSH' or 'RPUSH', tag .. 'q:' .. whk, evt)
    if not is_held(tag, whk) then
        redis.call('SADD', tag .. 'ready', whk)
    end
end

local function read_cursor(tag)
    local cursor = redis.call('HMGET', tag .. 'accepted', 'epoch', 'offset', 'hash')
    return cursor[1] or '', cursor[2] or '', cursor[3] or ''
end

local function write_cursor(tag, epoch, offset, hash)
    redis.call('HSET', tag .. 'accepted', 'epoch', epoch, 'offset', offset, 'hash', hash)
end

local function moved(tag)
    local epoch, offset, hash = read_cursor(tag)
    return {'moved', epoch, offset, hash}
end

local function set_pending(tag, whk, evt, now, retention)
    local key = tag .. 'pending:' .. whk
    redis.call('ZADD', key, now, evt)
    redis.call('EXPIRE', key, retention)
end

local function end_pending(tag, whk, evt)
    redis.call('ZREM', tag .. 'pending:' .. whk, evt)
end

-- Is there no room for one more? At half of the bound a full backlog counts as cleared.
local function is_full(tag, whk, now, retention, most)
    local key = tag .. 'pending:' .. whk
    redis.call('ZREMRANGEBYSCORE', key, '-inf', as_text(tonumber(now) - retention * 1000))
    local n = redis.call('ZCARD', key)
    if n * 2 <= most then
        redis.call('HDEL', tag .. 'full', whk)
    end
    return n >= most
end

local function forget(tag, whk, evt)
    local member = pair(whk, evt)
    end_pending(tag, whk, evt)
    redis.call('ZREM', tag .. 'due', member)
    redis.call('ZREM', tag .. 'leased', member)
    redis.call('DEL', delivery_key(tag, member))
end

local function add_message(tag, evt, event_type, body, owner, retention)
    local key = tag .. 'message:' .. evt
    redis.call('HSET', key, 'type', event_type, 'body', body, 'owner', owner)
    redis.call('EXPIRE', key, retention)
end

-- Lists a new delivery. Past the list's bound the oldest gives way; one that is still pending leaves
-- the list only.
local function list_delivery(tag, whk, evt, now, retention)
    local index = tag .. 'deliveries:' .. whk
    redis.call('ZADD', index, now, evt)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', as_text(tonumber(now) - retention * 1000))
    redis.call('EXPIRE', index, retention)
    while redis.call('ZCARD', index) > LISTED_MAX do
        local oldest = redis.call('ZPOPMIN', index)[1]
        if redis.call('HGET', delivery_key(tag, pair(whk, oldest)), 'state') ~= 'pending' then
            forget(tag, whk, oldest)
        end
    end
end

local function log_attempt(key, text)
    local n = redis.call('HINCRBY', key, 'log', 1)
    redis.call('HSET', key, 'a' .. as_text((n - 1) % KEPT_ATTEMPTS), text)
end

-- The new delivery of a message. False: too many are pending already; it is listed as dead, and can
-- be asked for as long as its message is kept.
local function add_delivery(tag, whk, evt, event_type, now, retention, most)
    local key = delivery_key(tag, pair(whk, evt))
    local full = is_full(tag, whk, now, retention, most)
    redis.call('HSET', key, 'state', full and 'dead' or 'pending', 'attempts', 0, 'next', now,
        'at', now, 'type', event_type)
    redis.call('EXPIRE', key, retention)
    list_delivery(tag, whk, evt, now, retention)
    if full then
        log_attempt(key, now .. ' 0 0 backlog_full')
        redis.call('HINCRBY', tag .. 'webhooks:counts', 'refused', 1)
        redis.call('HINCRBY', tag .. 'webhooks:counts', 'full',
            redis.call('HSETNX', tag .. 'full', whk, 'news'))
        return false
    end
    set_pending(tag, whk, evt, now, retention)
    enqueue(tag, whk, evt)
    return true
end

-- Where a cursor begins: at the start of the history while all of it is there, else at its head.
local function first_cursor(tag, head)
    local oldest = redis.call('XRANGE', tag .. 'events', '-', '+', 'COUNT', 1)[1]
    if tonumber(head[2]) > 0 and (not oldest or oldest[1] ~= '1-0') then
        return head[1], head[2], head[3]
    end
    return head[1], '0', string.sub(redis.sha1hex(head[1]), 1, 16)
end

-- cursor_open {pN}:accepted [lost_epoch lost_offset] -> {epoch, offset, hash}, {} without a history.
-- Makes the cursor when there is none. One that its reader could not find in the history moves to
-- the head, unless somebody else has moved it already.
local function cursor_open(keys, args)
    local tag = tag_of(keys[1])
    local epoch, offset, hash = read_cursor(tag)
    local lost = #args == 2 and epoch == args[1] and offset == args[2]
    if epoch ~= '' and not lost then
        return {epoch, offset, hash}
    end
    local head = redis.call('HMGET', tag .. 'head', 'epoch', 'offset', 'hash')
    if not head[1] then
        return {}
    end
    if lost then
        epoch, offset, hash = head[1], head[2], head[3]
    else
        epoch, offset, hash = first_cursor(tag, head)
    end
    write_cursor(tag, epoch, offset, hash)
    return {epoch, offset, hash}
end

-- accept {pN}:accepted epoch from_offset to_offset to_hash now retention_s pending_max [evt type
-- body owner n whk*n].. -> {"ok", whk*} | {"moved", epoch, offset, hash}. Those whk whose backlog is
-- full, which nobody was told yet.
local function accept(keys, args)
    local tag = tag_of(keys[1])
    local epoch, offset = read_cursor(tag)
    if epoch ~= args[1] or offset ~= args[2] then
        return moved(tag)
    end
    write_cursor(tag, epoch, args[3], args[4])
    local now, retention, most, at = args[5], tonumber(args[6]), tonumber(args[7]), 8
    local reply, seen = {'ok'}, {}
    while at <= #args do
        local evt, event_type, n = args[at], args[at + 1], tonumber(args[at + 4])
        add_message(tag, evt, event_type, args[at + 2], args[at + 3], retention)
        for i = at + 5, at + 4 + n do
            local whk = args[i]
            if not add_delivery(tag, whk, evt, event_type, now, retention, most) and
                    not seen[whk] then
                seen[whk] = true
                if redis.call('HGET', tag .. 'full', whk) == 'news' then
                    reply[#reply + 1] = whk
                end
            end
        end
        at = at + 5 + n
    end
    return reply
end

-- full_told {pN}:accepted whk -> {}. Whom it concerns knows that its backlog is full.
local function full_told(keys, args)
    local full = tag_of(keys[1]) .. 'full'
    if redis.call('HEXISTS', full, args[1]) == 1 then
        redis.call('HSET', full, args[1], 'told')
    end
    return {}
end

-- Takes the next delivery of a queue that is still to be sent; nil when there is none. *skips*
-- bounds the work on entries that were cancelled or have expired meanwhile.
local function take(tag, whk, skips)
    while skips.left > 0 do
        local evt = redis.call('LPOP', tag .. 'q:' .. whk)
        if not evt then
            return nil
        end
        local key = delivery_key(tag, pair(whk, evt))
        local message = redis.call('HMGET', tag .. 'message:' .. evt, 'type', 'body')
        if redis.call('HGET', key, 'state') == 'pending' then
            if message[1] then
                return evt, key, message
            end
            redis.call('HSET', key, 'state', 'dead')
            end_pending(tag, whk, evt)
        end
        skips.left = skips.left - 1
    end
end

-- claim {pN}:accepted deadline fence [whk n].. -> [whk evt type body attempts]..
local function claim(keys, args)
    local tag = tag_of(keys[1])
    local skips, claimed = {left = SKIPS_MAX}, {}
    for at = 3, #args, 2 do
        local whk = args[at]
        local wanted = is_held(tag, whk) and 0 or tonumber(args[at + 1])
        for _ = 1, wanted do
            local evt, key, message = take(tag, whk, skips)
            if not evt then
                break
            end
            redis.call('HSET', key, 'lease', args[2])
            redis.call('HINCRBY', key, 'leases', 1)
            redis.call('ZADD', tag .. 'leased', args[1], pair(whk, evt))
            for _, text in ipairs({whk, evt, message[1], message[2],
                    redis.call('HGET', key, 'attempts')}) do
                claimed[#claimed + 1] = text
            end
        end
        if redis.call('EXISTS', tag .. 'q:' .. whk) == 0 then
            redis.call('SREM', tag .. 'ready', whk)
        end
    end
    return claimed
end

-- What each outcome of an attempt does beyond ending the lease.
local OUTCOMES = {}

function OUTCOMES.delivered(tag, whk, evt, key)
    end_pending(tag, whk, evt)
    redis.call('HSET', key, 'state', 'delivered')
end

function OUTCOMES.dead(tag, whk, evt, key, cancelled)
    end_pending(tag, whk, evt)
    if not cancelled then
        redis.call('HSET', key, 'state', 'dead')
    end
end

function OUTCOMES.retry(tag, whk, evt, key, cancelled, next_ms)
    if not cancelled then
        redis.call('HSET', key, 'next', next_ms)
        redis.call('ZADD', tag .. 'due', next_ms, pair(whk, evt))
    end
end

-- Not tried: back to the head, and it was no attempt.
function OUTCOMES.release(tag, whk, evt, key, cancelled)
    if not cancelled then
        enqueue(tag, whk, evt, true)
    end
end

-- finish {pN}:accepted [whk evt fence outcome next_ms attempt held_ms].. -> {number of stale ones}
-- attempt: "at status duration_ms error", logged unless the outcome is release. held_ms: until when
-- the receiver wants nothing, or 0. A lease that is no longer this one's changes nothing.
local function finish(keys, args)
    local tag = tag_of(keys[1])
    local stale = 0
    for at = 1, #args, 7 do
        local whk, evt, outcome = args[at], args[at + 1], args[at + 3]
        local key = delivery_key(tag, pair(whk, evt))
        local held = redis.call('HMGET', key, 'lease', 'state')
        if held[1] ~= args[at + 2] then
            stale = stale + 1
        else
            redis.call('ZREM', tag .. 'leased', pair(whk, evt))
            redis.call('HDEL', key, 'lease', 'leases')
            if outcome ~= 'release' then
                redis.call('HINCRBY', key, 'attempts', 1)
                log_attempt(key, args[at + 5])
            end
            if args[at + 6] ~= '0' then
                hold(tag, whk, args[at + 6])
            end
            OUTCOMES[outcome](tag, whk, evt, key, held[2] ~= 'pending', args[at + 4])
        end
    end
    return {as_text(stale)}
end

-- Takes the members of a zset whose time has come and hands them to fn(key, whk, evt, pending).
local function each_due(tag, zset, now, fn)
    local members = redis.call('ZRANGEBYSCORE', tag .. zset, '-inf', now, 'LIMIT', 0, BATCH)
    for _, member in ipairs(members) do
        local whk, evt = string.match(member, '^([^:]+):(.+)$')
        local key = delivery_key(tag, member)
        redis.call('ZREM', tag .. zset, member)
        fn(key, whk, evt, redis.call('HGET', key, 'state') == 'pending')
    end
end

-- The lowest score in any of these zsets; nil when all are empty.
local function soonest_of(tag, zsets)
    local soonest
    for _, name in ipairs(zsets) do
        local first = redis.call('ZRANGE', tag .. name, 0, 0, 'WITHSCORES')[2]
        if first and (not soonest or tonumber(first) < soonest) then
            soonest = tonumber(first)
        end
    end
    return soonest
end

-- tick {pN}:accepted now -> {next time something is due or "", whk that have ready deliveries..}
-- An expired lease means that its holder died: the attempt counts for nothing, unless it happens
-- five times in a row, since then the delivery itself may be what kills.
local function tick(keys, args)
    local tag, now = tag_of(keys[1]), args[1]
    each_due(tag, 'due', now, function(key, whk, evt, pending)
        if pending then
            enqueue(tag, whk, evt)
        end
    end)
    each_due(tag, 'leased', now, function(key, whk, evt, pending)
        redis.call('HDEL', key, 'lease')
        if pending and tonumber(redis.call('HGET', key, 'leases') or '0') < LEASES_MAX then
            enqueue(tag, whk, evt, true)
        elseif pending then
            end_pending(tag, whk, evt)
            redis.call('HSET', key, 'state', 'dead')
            log_attempt(key, now .. ' 0 0 lease_expired')
        end
    end)
    local free = redis.call('ZRANGEBYSCORE', tag .. 'held', '-inf', now, 'LIMIT', 0, BATCH)
    for _, whk in ipairs(free) do
        let_go(tag, whk)
    end
    local soonest = soonest_of(tag, {'due', 'leased', 'held'})
    local reply = redis.call('SRANDMEMBER', tag .. 'ready', BATCH)
    table.insert(reply, 1, soonest and as_text(soonest) or '')
    return reply
end

local function cancel_some(tag, whk, from)
    local events = redis.call('ZRANGE', tag .. 'deliveries:' .. whk, from, from + BATCH - 1)
    for _, evt in ipairs(events) do
        local key = delivery_key(tag, pair(whk, evt))
        if redis.call('HGET', key, 'state') == 'pending' then
            redis.call('HSET', key, 'state', 'cancelled')
            end_pending(tag, whk, evt)
            redis.call('ZREM', tag .. 'due', pair(whk, evt))
        end
    end
    return #events == BATCH and as_text(from + BATCH) or ''
end

local function purge_some(tag, whk)
    local events = redis.call('ZRANGE', tag .. 'deliveries:' .. whk, 0, BATCH - 1)
    for _, evt in ipairs(events) do
        forget(tag, whk, evt)
        redis.call('ZREM', tag .. 'deliveries:' .. whk, evt)
    end
    return #events == BATCH and '0' or ''
end

-- cancel {pN}:accepted whk from mode -> {from of the next call, or ""}. mode: "cancel" ends what
-- is pending, "purge" leaves nothing of the endpoint. from: "0" at first.
local function cancel(keys, args)
    local tag, whk, from = tag_of(keys[1]), args[1], tonumber(args[2])
    redis.call('DEL', tag .. 'q:' .. whk)
    redis.call('SREM', tag .. 'ready', whk)
    redis.call('ZREM', tag .. 'held', whk)
    redis.call('HDEL', tag .. 'full', whk)
    if args[3] == 'purge' then
        return {purge_some(tag, whk)}
    end
    return {cancel_some(tag, whk, from)}
end

-- release {pN}:accepted whk -> {}. Its receiver need not be waited for any longer.
local function release(keys, args)
    let_go(tag_of(keys[1]), args[1])
    return {}
end

-- retry {pN}:accepted whk evt owner now retention_s pending_max -> {"ok"} | {"none"} | {"full"}.
-- Sends a message (again), now and with a fresh schedule; also one that the endpoint never saw, when
-- it is owner's (empty: anybody's). One that waits is sent now; one that is on its way stays. Who
-- asks for this does not want to wait for the receiver either.
local function retry(keys, args)
    local tag, whk, evt, now = tag_of(keys[1]), args[1], args[2], args[4]
    local retention, most = tonumber(args[5]), tonumber(args[6])
    local message = redis.call('HMGET', tag .. 'message:' .. evt, 'type', 'owner')
    if not message[1] or (args[3] ~= '' and args[3] ~= message[2]) then
        return {'none'}
    end
    local member = pair(whk, evt)
    local key = delivery_key(tag, member)
    local was = redis.call('HMGET', key, 'state', 'lease')
    if was[1] ~= 'pending' and is_full(tag, whk, now, retention, most) then
        return {'full'}
    end
    if not was[1] then
        add_delivery(tag, whk, evt, message[1], now, retention, most)
    elseif was[1] ~= 'pending' then
        redis.call('HSET', key, 'state', 'pending', 'attempts', 0, 'next', now)
        set_pending(tag, whk, evt, now, retention)
        if not was[2] then -- else it was cancelled on its way, and may still arrive
            enqueue(tag, whk, evt)
        end
    elseif redis.call('ZREM', tag .. 'due', member) == 1 then
        redis.call('HSET', key, 'next', now)
        enqueue(tag, whk, evt)
    end
    redis.call('EXPIRE', tag .. 'message:' .. evt, retention)
    redis.call('EXPIRE', key, retention)
    let_go(tag, whk)
    return {'ok'}
end

-- send {pN}:accepted whk evt type body owner now retention_s pending_max -> {"ok"} | {"full"}. For
-- messages that are no events of the stream; a repetition changes nothing.
local function send(keys, args)
    local tag, whk, evt = tag_of(keys[1]), args[1], args[2]
    local now, retention, most = args[6], tonumber(args[7]), tonumber(args[8])
    if redis.call('EXISTS', delivery_key(tag, pair(whk, evt))) == 1 then
        return {'ok'}
    end
    if is_full(tag, whk, now, retention, most) then
        return {'full'}
    end
    add_message(tag, evt, args[3], args[4], args[5], retention)
    add_delivery(tag, whk, evt, args[3], now, retention, most)
    return {'ok'}
end

-- health {pN}:health:<whk> "ok" or "failed" now -> {since when it only fails, or ""}. A run of
-- failures ends with a success, and with two days without any attempt.
local function health(keys, args)
    local key, now = keys[1], args[2]
    if args[1] == 'ok' then
        redis.call('HSET', key, 'last_success', now)
        redis.call('HDEL', key, 'failing_since', 'last_failure')
        return {''}
    end
    local held = redis.call('HMGET', key, 'failing_since', 'last_failure')
    local since = held[1]
    if not since or tonumber(now) - tonumber(held[2]) > QUIET_MS then
        since = now
    end
    redis.call('HSET', key, 'failing_since', since, 'last_failure', now)
    return {since}
end

-- The first entry at or after offset `low` that is not older than `than` (ms); the stream's
-- entries have consecutive offsets and ascending times.
local function first_younger(stream, low, high, than)
    while low < high do
        local middle = math.floor((low + high) / 2)
        local entry = redis.call('XRANGE', stream, as_text(middle), '+', 'COUNT', 1)[1]
        local time = 0
        for i = 1, entry and #entry[2] or 0, 2 do
            if entry[2][i] == 'ts' then
                time = tonumber(entry[2][i + 1])
            end
        end
        if entry and time < than then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end

-- trim {pN}:accepted events_key now -> {entries removed}. What goes lies before the cursor and is
-- older than a day, or older than an hour and not among the newest 10,000.
local function trim(keys, args)
    local tag, now = tag_of(keys[1]), tonumber(args[2])
    local stream = args[1]
    local _, offset = read_cursor(tag)
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    if offset == '' or not oldest then
        return {'0'}
    end
    local low = tonumber(string.match(oldest[1], '^%d+'))
    local high = tonumber(string.match(newest[1], '^%d+'))
    local day = first_younger(stream, low, high, now - 24 * 3600 * 1000)
    local hour = first_younger(stream, low, high, now - 3600 * 1000)
    local bound = math.max(day, math.min(hour, high - 9999))
    bound = math.min(bound, tonumber(offset))
    if bound <= low then
        return {'0'}
    end
    return {as_text(redis.call('XTRIM', stream, 'MINID', as_text(bound)))}
end

local function register(name, callback)
    redis.register_function{function_name = name, callback = callback, flags = {'allow-oom'}}
end

-- Past maxmemory nothing new is accepted; what was goes on.
redis.register_function('webhook_accept', accept)
redis.register_function('webhook_send', send)
register('webhook_cursor_open', cursor_open)
register('webhook_full_told', full_told)
register('webhook_claim', claim)
register('webhook_finish', finish)
register('webhook_tick', tick)
register('webhook_cancel', cancel)
register('webhook_release', release)
register('webhook_retry', retry)
register('webhook_health', health)
register('webhook_trim', trim)
