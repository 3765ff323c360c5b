-- What changes the members of a collection (collection_members.h): {pN}:members:<id> has all of them
-- by place, {pN}:shown:<id> the public ones at the same places. Writes name the collection's record;
-- where it is there still, its rev and time of change go along.

local PLACE_STEP = 1048576 -- between two that were put at an end
local PLACE_ROOM = 1024    -- that is made between those which have moved aside
local ASIDE_FIRST = 8      -- so many of each side, then twice as many, and so on
local AT_ONCE = 500

local function sets_of(key)
    local tag, id = string.match(key, '^({p%d+}:)collection:(.*)$')
    return tag .. 'members:' .. id, tag .. 'shown:' .. id
end

local function touch(key, ms)
    if redis.call('EXISTS', key) == 1 then
        redis.call('HINCRBY', key, 'rev', 1)
        redis.call('HSET', key, 'updated', ms)
    end
end

local function last_place(set)
    local last = redis.call('ZREVRANGE', set, 0, 0, 'WITHSCORES')
    return tonumber(last[2] or 0)
end

-- Behind all others, in this order. Who is there already stays where he is.
function collection_writes.COLLECT(key, ms, ...)
    local members, shown = sets_of(key)
    local place = last_place(members)
    local given = {...}
    for i = 1, #given, 2 do
        place = place + PLACE_STEP
        redis.call('ZADD', members, 'NX', string.format('%.0f', place), given[i])
        if given[i + 1] == '1' then
            redis.call('ZADD', shown, redis.call('ZSCORE', members, given[i]), given[i])
        end
    end
    touch(key, ms)
end

function collection_writes.UNCOLLECT(key, ms, ...)
    local members, shown = sets_of(key)
    redis.call('ZREM', members, ...)
    redis.call('ZREM', shown, ...)
    local cover = redis.call('HGET', key, 'cover')
    for _, id in ipairs({...}) do
        if cover == id then
            redis.call('HSET', key, 'cover', '')
        end
    end
    touch(key, ms)
end

function collection_writes.COLLECT_SHOW(key, id, public)
    local members, shown = sets_of(key)
    local place = redis.call('ZSCORE', members, id)
    if place and public == '1' then
        redis.call('ZADD', shown, place, id)
    else
        redis.call('ZREM', shown, id)
    end
end

local function rank_of(members, mode, anchor)
    if mode == 'at' then
        return math.min(tonumber(anchor), redis.call('ZCARD', members))
    end
    local rank = redis.call('ZRANK', members, anchor) or 0
    return mode == 'after' and rank + 1 or rank
end

local function place_at(members, rank)
    local found = rank >= 0 and redis.call('ZRANGE', members, rank, rank, 'WITHSCORES') or {}
    return tonumber(found[2])
end

-- The places of n between low and high; nil: an end. Nothing: they would be closer than `room`.
local function spread(low, high, n, room)
    local step = PLACE_STEP
    if low and high then
        step = math.floor((high - low) / (n + 1))
    elseif high then
        low = high - (n + 1) * step
    end
    if step >= room then
        return low or 0, step
    end
end

local function assign(members, ids, low, step)
    for from = 1, #ids, AT_ONCE do
        local places = {}
        for i = from, math.min(from + AT_ONCE - 1, #ids) do
            places[#places + 1] = string.format('%.0f', low + i * step)
            places[#places + 1] = ids[i]
        end
        redis.call('ZADD', members, unpack(places))
    end
end

-- Those that are shown have their places from the others.
local function follow(members, shown, ids)
    for _, id in ipairs(ids) do
        if redis.call('ZSCORE', shown, id) then
            redis.call('ZADD', shown, redis.call('ZSCORE', members, id), id)
        end
    end
end

local function appended(list, more)
    for _, id in ipairs(more) do
        list[#list + 1] = id
    end
    return list
end

-- Moves members, in this order, before or after another one, or at a place counted from 0. Where
-- there is no room between two, as many of their neighbours move aside as it takes.
function collection_writes.COLLECT_PLACE(key, ms, mode, anchor, ...)
    local members, shown = sets_of(key)
    local ids = {...}
    redis.call('ZREM', members, ...)
    local rank = rank_of(members, mode, anchor)
    local low, step = spread(place_at(members, rank - 1), place_at(members, rank), #ids, 1)
    local aside = ASIDE_FIRST
    while not step do
        local from = math.max(rank - aside, 0)
        local moved = from < rank and redis.call('ZRANGE', members, from, rank - 1) or {}
        appended(moved, ids)
        appended(moved, redis.call('ZRANGE', members, rank, rank + aside - 1))
        low, step = spread(place_at(members, from - 1), place_at(members, rank + aside), #moved, PLACE_ROOM)
        ids, aside = step and moved or ids, 2 * aside
    end
    assign(members, ids, low, step)
    follow(members, shown, ids)
    touch(key, ms)
end
