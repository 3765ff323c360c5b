-- The functions of jobs (job.h says what they are for). One library with functions.lua, behind it.
--
-- Whose turn it is: virtual time, in milliseconds of work, a clock for each pool (the jobs that one
-- kind of runner does). An owner's next job would end at start + cost; the least end goes first, so
-- short ones of many owners pass a long one, but no longer than the clock takes to its end. start:
-- when the owner came into the queue, or what he has used since. The clock goes on by what is given
-- out, divided among all who wait, and is put right by what it then took. Where ever more come with
-- short ones, one that has waited a minute and LATE_TIMES as long as it takes is late: every other
-- turn is one of those.

local SKIPS_MAX = 200                 -- jobs without a subject, turns judged anew, in one claim
local EXPIRES_MAX = 100
local LOOK_OWNERS, LOOK_JOBS = 50, 20 -- of a claim that takes short jobs alone
local ADOPT_MAX = 1000
local LATE_MS, LATE_TIMES = 60000, 8

local function now_ms()
    return math.floor(tonumber(now_us()) / 1000)
end

local function job_fields(tag, id)
    local f = redis.call('HMGET', tag .. 'job:' .. id, 'state', 'lane', 'kind', 'owner', 'media',
        'lease', 'deaths', 'subject', 'cost', 'due', 'created')
    if not f[1] then
        return nil
    end
    return {id = id, key = tag .. 'job:' .. id, state = f[1], place = f[2] .. ':' .. f[3],
        owner = f[4], lease = f[6], deaths = tonumber(f[7]), cost = tonumber(f[9]) or 0,
        due = f[10], created = f[11] or '0', about = tag .. 'jobs_about:' .. f[5],
        subject = tag .. (f[8] or 'media') .. ':' .. f[5]}
end

-- A change of the record, which whoever has loaded it must notice (see record.h).
local function change_job(key, ...)
    redis.call('HSET', key, ...)
    redis.call('HINCRBY', key, 'rev', 1)
end

local function subject_exists(job)
    return redis.call('EXISTS', job.subject) == 1
end

local function queue_of(tag, place, owner)
    return tag .. 'queue:' .. place .. ':' .. owner
end

local function index_job(tag, job)
    redis.call('ZADD', tag .. 'jobs_all', job.created, job.id)
    redis.call('ZADD', tag .. 'jobs_of:' .. job.owner, job.created, job.id)
    redis.call('SADD', job.about, job.id)
end

local function unpark(tag, job)
    redis.call('ZREM', tag .. 'jobs_parked', job.id)
    redis.call('ZREM', tag .. 'jobs_parked:' .. job.owner, job.id)
end

-- Short first: one that comes later passes if it is shorter by more than that. What is given back
-- keeps its place.
local function enter_queue(tag, job)
    if not job.due then
        job.due = string.format('%.3f', tonumber(now_us()) / 1000 + job.cost)
        redis.call('HSET', job.key, 'due', job.due)
    end
    redis.call('ZADD', queue_of(tag, job.place, job.owner), job.due, job.id)
    redis.call('ZADD', tag .. 'turn:' .. job.place, 0, job.owner)
    redis.call('ZADD', tag .. 'late:' .. job.place,
        job.due + LATE_MS + (LATE_TIMES - 1) * job.cost, job.id)
end

-- At a score of 0 an owner's turn is judged anew.
local function leave_queue(tag, job)
    local queue = queue_of(tag, job.place, job.owner)
    if redis.call('ZREM', queue, job.id) == 0 then
        return
    end
    redis.call('ZREM', tag .. 'late:' .. job.place, job.id)
    if redis.call('EXISTS', queue) == 1 then
        redis.call('ZADD', tag .. 'turn:' .. job.place, 'XX', 0, job.owner)
    else
        redis.call('ZREM', tag .. 'turn:' .. job.place, job.owner)
        redis.call('HDEL', tag .. 'since:' .. job.place, job.owner)
    end
end

local function drop_job(tag, job)
    leave_queue(tag, job)
    unpark(tag, job)
    redis.call('ZREM', tag .. 'leases', job.id)
    redis.call('ZREM', tag .. 'jobs_all', job.id)
    redis.call('ZREM', tag .. 'jobs_of:' .. job.owner, job.id)
    redis.call('SREM', job.about, job.id)
    redis.call('DEL', job.key)
end

-- Writes of a commit, by the key of a job's record.

local function job_of_key(key)
    local tag, id = string.match(key, '^({p%d+}:)job:(.+)$')
    return tag, tag and job_fields(tag, id)
end

function job_writes.JOB_ENTER(key)
    local tag, job = job_of_key(key)
    if job then
        unpark(tag, job)
        index_job(tag, job)
        enter_queue(tag, job)
    end
end

function job_writes.JOB_END(key)
    local tag, job = job_of_key(key)
    if job then
        drop_job(tag, job)
    end
end

function job_writes.JOB_PARK(key)
    local tag, job = job_of_key(key)
    if job then
        redis.call('ZREM', tag .. 'leases', job.id)
        redis.call('ZADD', tag .. 'jobs_parked', now_ms(), job.id)
        redis.call('ZADD', tag .. 'jobs_parked:' .. job.owner, now_ms(), job.id)
    end
end

-- By "jobs_about:<id>" of a subject that goes.
function job_writes.JOBS_END(about)
    local tag = tag_of(about)
    for _, id in ipairs(redis.call('SMEMBERS', about)) do
        local job = job_fields(tag, id)
        if job then
            drop_job(tag, job)
        end
    end
    redis.call('DEL', about)
end

-- Turns

local function clock_of(tag, pool)
    return tonumber(redis.call('GET', tag .. 'clock:' .. pool)) or 1
end

-- -> the end of the owner's next job in virtual time, and its start.
local function judge_turn(tag, at, owner)
    local since = redis.call('HGET', tag .. 'since:' .. at.place, owner)
    if not since then
        since = clock_of(tag, at.pool)
        redis.call('HSET', tag .. 'since:' .. at.place, owner, since)
    end
    local used = tonumber(redis.call('ZSCORE', tag .. 'used:' .. at.pool, owner) or 0)
    local start = math.max(tonumber(since), used, 1)
    local first = redis.call('ZRANGE', queue_of(tag, at.place, owner), 0, 0)[1]
    local cost = first and redis.call('HGET', tag .. 'job:' .. first, 'cost')
    local ends = start + (tonumber(cost) or 0)
    redis.call('ZADD', tag .. 'turn:' .. at.place, ends, owner)
    return ends, start
end

-- The job of this place that is next; at.most: of those that cost no more.
local function candidate(tag, at)
    local turn = tag .. 'turn:' .. at.place
    local new = redis.call('ZRANGEBYSCORE', turn, 0, 0, 'LIMIT', 0, LOOK_OWNERS)
    for _, owner in ipairs(new) do
        judge_turn(tag, at, owner)
    end
    local owners = redis.call('ZRANGE', turn, 0, at.most and LOOK_OWNERS - 1 or 0, 'WITHSCORES')
    for i = 1, #owners, 2 do
        local queue = queue_of(tag, at.place, owners[i])
        for _, id in ipairs(redis.call('ZRANGE', queue, 0, at.most and LOOK_JOBS - 1 or 0)) do
            local cost = tonumber(redis.call('HGET', tag .. 'job:' .. id, 'cost') or 0)
            if not at.most or cost <= at.most then
                return {at = at, owner = owners[i], ends = tonumber(owners[i + 1]), id = id}
            end
        end
    end
end

local function late_candidate(tag, places)
    for _, at in ipairs(places) do
        local id = not at.most and redis.call('EXISTS', tag .. 'spared:' .. at.pool) == 0 and
            redis.call('ZRANGEBYSCORE', tag .. 'late:' .. at.place, '-inf', now_ms(), 'LIMIT', 0,
                1)[1]
        local owner = id and redis.call('HGET', tag .. 'job:' .. id, 'owner')
        if owner then
            return {at = at, owner = owner, ends = math.huge, id = id, late = true}
        end
    end
end

local function first_candidate(tag, places)
    local best = late_candidate(tag, places)
    if best then
        return best
    end
    for _, at in ipairs(places) do
        local found = candidate(tag, at)
        if found and (not best or found.ends < best.ends) then
            best = found
        end
    end
    return best
end

-- The owner has used what the job is thought to cost, and the clock goes on.
local function serve(tag, at, owner, start, job)
    local waiting = redis.call('ZCARD', tag .. 'turn:' .. at.place)
    local clock = math.max(clock_of(tag, at.pool), start) + math.floor(job.cost / waiting)
    leave_queue(tag, job)
    redis.call('SET', tag .. 'clock:' .. at.pool, string.format('%.0f', clock))
    redis.call('ZADD', tag .. 'used:' .. at.pool, start + job.cost, owner)
    redis.call('ZREMRANGEBYSCORE', tag .. 'used:' .. at.pool, '-inf', clock)
    if redis.call('HEXISTS', tag .. 'since:' .. at.place, owner) == 1 then
        redis.call('HSET', tag .. 'since:' .. at.place, owner, start + job.cost)
    end
end

local function claim_in_lane(tag, places)
    for _ = 1, SKIPS_MAX do
        local best = first_candidate(tag, places)
        if not best then
            return nil
        end
        local ends, start = judge_turn(tag, best.at, best.owner)
        if ends <= best.ends then
            local job = job_fields(tag, best.id)
            if job and job.state == 'queued' and subject_exists(job) then
                serve(tag, best.at, best.owner, start, job)
                if best.late then
                    redis.call('SET', tag .. 'spared:' .. best.at.pool, '1')
                else
                    redis.call('DEL', tag .. 'spared:' .. best.at.pool)
                end
                return job
            elseif job then
                drop_job(tag, job)
            else
                leave_queue(tag, {id = best.id, place = best.at.place, owner = best.owner})
            end
        end
    end
    return nil
end

-- job_claim {pN}:head lease milliseconds lanes lane.. [kind pool most("": any)].. -> the job's
-- fields, or nothing.
local function job_claim(keys, args)
    local tag, r = tag_of(keys[1]), reader(args, 3)
    local lanes, kinds = r.texts(r.count()), {}
    while not r.finished() do
        table.insert(kinds, {kind = r.text(), pool = r.text(), most = tonumber(r.text())})
    end
    for _, lane in ipairs(lanes) do
        local places = {}
        for i, kind in ipairs(kinds) do
            places[i] = {place = lane .. ':' .. kind.kind, pool = kind.pool, most = kind.most}
        end
        local job = claim_in_lane(tag, places)
        if job then
            change_job(job.key, 'state', 'leased', 'lease', args[1])
            redis.call('ZADD', tag .. 'leases', now_ms() + tonumber(args[2]), job.id)
            return redis.call('HGETALL', job.key)
        end
    end
    return {}
end

-- job_charge {pN}:head pool owner milliseconds place.. -> 1. What a job has cost beyond what it was
-- thought to; below zero: less.
local function job_charge(keys, args)
    local tag, pool, owner = tag_of(keys[1]), args[1], args[2]
    local more, waiting = tonumber(args[3]), 0
    for i = 4, #args do
        waiting = waiting + redis.call('ZCARD', tag .. 'turn:' .. args[i])
    end
    -- As in serve(): a clock that only knew what was thought would run away from those who wait, and
    -- whoever comes would begin behind them all.
    local clock = math.max(1, clock_of(tag, pool) + math.floor(more / math.max(1, waiting)))
    redis.call('SET', tag .. 'clock:' .. pool, string.format('%.0f', clock))
    local used = tonumber(redis.call('ZSCORE', tag .. 'used:' .. pool, owner) or clock) + more
    if used > clock then
        redis.call('ZADD', tag .. 'used:' .. pool, used, owner)
    else
        redis.call('ZREM', tag .. 'used:' .. pool, owner)
    end
    for i = 4, #args do
        local since = redis.call('HGET', tag .. 'since:' .. args[i], owner)
        if since then
            redis.call('HSET', tag .. 'since:' .. args[i], owner, tonumber(since) + more)
            redis.call('ZADD', tag .. 'turn:' .. args[i], 'XX', 0, owner)
        end
    end
    return 1
end

-- Leases

local function push_back(tag, job)
    redis.call('ZREM', tag .. 'leases', job.id)
    change_job(job.key, 'state', 'queued', 'lease', '')
    enter_queue(tag, job)
end

local function held_job(tag, id, lease)
    local job = job_fields(tag, id)
    return job and job.state == 'leased' and job.lease == lease and job or nil
end

-- job_renew {pN}:head id lease milliseconds -> 1, or 0 when the lease is lost.
local function job_renew(keys, args)
    local tag = tag_of(keys[1])
    local job = held_job(tag, args[1], args[2])
    if not job then
        return 0
    end
    if not subject_exists(job) then
        drop_job(tag, job)
        return 0
    end
    redis.call('ZADD', tag .. 'leases', now_ms() + tonumber(args[3]), job.id)
    return 1
end

-- job_release {pN}:head id lease deaths_max(0: does not count) reason
-- -> 1, 0 when the lease is lost, 2 when this is the last death (nothing is done).
local function job_release(keys, args)
    local tag = tag_of(keys[1])
    local job = held_job(tag, args[1], args[2])
    local deaths_max = tonumber(args[3])
    if not job then
        return 0
    end
    if deaths_max > 0 then
        if job.deaths + 1 >= deaths_max then
            return 2
        end
        change_job(job.key, 'deaths', job.deaths + 1, 'reason', args[4])
    end
    push_back(tag, job)
    return 1
end

-- job_expire {pN}:head -> how many went back to their queues.
local function job_expire(keys, args)
    local tag = tag_of(keys[1])
    local ids = redis.call('ZRANGEBYSCORE', tag .. 'leases', '-inf', now_ms(), 'LIMIT', 0,
        EXPIRES_MAX)
    for _, id in ipairs(ids) do
        local job = job_fields(tag, id)
        if job and job.state == 'leased' then
            push_back(tag, job)
        else
            redis.call('ZREM', tag .. 'leases', id)
        end
    end
    return #ids
end

-- What an older version has left: lists under "jobs:<lane>:<kind>:<owner>" with rings of owners, and
-- jobs in no index.

local function adopt_queues(tag, lane, kind)
    local place, n = lane .. ':' .. kind, 0
    for _, owner in ipairs(redis.call('ZRANGE', tag .. 'ring:' .. place, 0, -1)) do
        local list = tag .. 'jobs:' .. place .. ':' .. owner
        local id = redis.call('LPOP', list)
        while id do
            local job = job_fields(tag, id)
            if job and job.state == 'queued' then
                index_job(tag, job)
                enter_queue(tag, job)
            end
            n = n + 1
            id = n < ADOPT_MAX and redis.call('LPOP', list)
        end
        if n >= ADOPT_MAX then
            return n
        end
        redis.call('ZREM', tag .. 'ring:' .. place, owner)
    end
    return n
end

local function adopt_parked(tag)
    for _, id in ipairs(redis.call('ZRANGE', tag .. 'jobs_parked', 0, -1)) do
        local job = job_fields(tag, id)
        if job and not subject_exists(job) then
            drop_job(tag, job)
        elseif job then
            index_job(tag, job)
            redis.call('ZADD', tag .. 'jobs_parked:' .. job.owner,
                redis.call('ZSCORE', tag .. 'jobs_parked', id), id)
        end
    end
end

-- job_adopt {pN}:head -> 1 when all is done, 0: call again.
local function job_adopt(keys, args)
    local tag, n = tag_of(keys[1]), 0
    for _, lane in ipairs({'fresh', 'on_demand', 'regeneration'}) do
        for _, kind in ipairs({'image', 'video', 'transcode'}) do
            n = n + adopt_queues(tag, lane, kind)
            if n >= ADOPT_MAX then
                return 0
            end
        end
    end
    for _, id in ipairs(redis.call('ZRANGE', tag .. 'leases', 0, -1)) do
        local job = job_fields(tag, id)
        if job then
            index_job(tag, job)
        end
    end
    adopt_parked(tag)
    return 1
end

register('job_claim', job_claim)
register('job_charge', job_charge)
register('job_renew', job_renew)
register('job_release', job_release)
register('job_expire', job_expire)
register('job_adopt', job_adopt)
